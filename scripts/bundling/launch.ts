import {readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {Script} from 'node:vm';

// Becomes the file of every bundled program: loads the bundle beside it with the code that V8 compiled at an earlier run.

/** Put in by the bundler: changes with the bundle, for V8 itself compares nothing but lengths. */
declare const bundleDigest: string;

const bundle = `${__filename.slice(0, -'.js'.length)}.bundle.js`;
const cache = `${bundle}.${bundleDigest}.${process.version}-${process.arch}.cache`;

function cached(): Buffer | undefined {
  try {
    return readFileSync(cache);
  } catch {
    return undefined;
  }
}

const cachedData = cached();
// The bundler writes ASCII only.
const script = new Script(readFileSync(bundle, 'latin1'), {
  filename: bundle,
  ...(cachedData !== undefined && {cachedData}),
});
type Wrapper = (exports: unknown, load: NodeJS.Require, module: NodeJS.Module, file: string, directory: string) => void;
(script.runInThisContext() as Wrapper)(module.exports, require, module, bundle, __dirname);

// At the end of the run, when what it needed is compiled. Where the directory is another user's, each run compiles.
let kept = cachedData !== undefined && script.cachedDataRejected !== true;
function keep(): void {
  if (kept) return;
  kept = true;
  const beside = `${cache}.${process.pid}`;
  try {
    writeFileSync(beside, script.createCachedData());
    renameSync(beside, cache);
  } catch {
    rmSync(beside, {force: true});
  }
}
if (!kept) process.once('beforeExit', keep).once('exit', keep);
