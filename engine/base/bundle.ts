import {readFileSync, statSync} from 'node:fs';
import {createRequire} from 'node:module';
import {fileURLToPath} from 'node:url';
import {Script} from 'node:vm';

interface Load {
  (path: string): unknown;
  /** Of all modules: their functions, once they ran, are what is worth keeping. */
  readonly script: Script;
}
let loader: Load | undefined;

/**
 * A module of the engine out of `dist/engine/bundle.cjs`, where `scripts/bundle` wrote one: 240 files are one there, with
 * the code that V8 made of it beside, which takes a tenth of the time to load. `path` is below `dist/engine`. Undefined
 * where there is no bundle, or one of an older compilation: the caller imports the module itself then.
 */
export function bundled(path: string): unknown {
  const directory = new URL('../', import.meta.url);
  const file = fileURLToPath(new URL('bundle.cjs', directory));
  loader ??= open(file, fileURLToPath(new URL('../.tsbuildinfo', directory)), directory.href);
  return loader?.(path);
}

/** What V8 made of the functions that ran, to be kept beside the bundle. */
export function bundledCode(): Buffer | undefined {
  return loader?.script.createCachedData();
}

function open(file: string, compiled: string, directory: string): Load | undefined {
  const made = statSync(file, {throwIfNoEntry: false});
  if (made === undefined) return undefined;
  // The compiler writes its notes last; an installed package has none.
  const notes = statSync(compiled, {throwIfNoEntry: false});
  if (notes !== undefined && notes.mtimeMs > made.mtimeMs) return undefined;
  const text = readFileSync(file, 'latin1');
  let cachedData: Buffer | undefined;
  try {
    cachedData = readFileSync(`${file}.cache`);
  } catch {
    // Only slower.
  }
  // Another version of Node does not take the code; it compiles the text then.
  const script = new Script(text, {filename: file, ...(cachedData !== undefined && {cachedData})});
  const make = script.runInThisContext() as (require: NodeJS.Require, directory: string, script: Script) => Load;
  return make(createRequire(file), directory, script);
}
