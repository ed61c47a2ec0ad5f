import {createHash} from 'node:crypto';
import {chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build, type BuildOptions} from 'esbuild';
import {lazyBuiltins, otherPrograms, ownUrls} from './plugins.js';
import {prime} from './prime.js';
import {findPrograms} from './programs.js';

// dist/engine -> dist/bundle: each program one file with all it imports, in the same tree.
const dist = fileURLToPath(new URL('../../', import.meta.url));
const engine = join(dist, 'engine');
const clock = fileURLToPath(new URL('clock.js', import.meta.url));
const launcher = fileURLToPath(new URL('launch.js', import.meta.url));

/** Large, of no use to a build that finds everything cached, or native: they stay packages. */
const packages = ['dockerode', 'undici', '@connectrpc/*', '@bufbuild/*', 'koffi'];

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  charset: 'ascii',
  external: packages,
  inject: [clock],
  // What is imported when it is needed is in the same file.
  supported: {'dynamic-import': false},
  // Lines and names stay: an error that nobody caught shows them.
  minifySyntax: true,
  logLevel: 'warning',
} satisfies BuildOptions;

const programs = findPrograms(engine);
const every = [programs.front, ...programs.launched, ...programs.plain];

async function bundled(entry: string, options: BuildOptions): Promise<string> {
  const {outputFiles} = await build({
    ...common,
    entryPoints: [join(engine, entry)],
    plugins: [ownUrls(engine, entry), otherPrograms(engine, entry, every), lazyBuiltins()],
    write: false,
    ...options,
  });
  return ascii(outputFiles?.find(({path}) => !path.endsWith('.map'))?.text ?? '');
}

/** The bundler leaves patterns and tagged templates as they are; an escape means the same in both. Bundles are read as ASCII. */
function ascii(text: string): string {
  return text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const out = mkdtempSync(join(dist, '.bundle-'));
try {
  const put = (place: string, text: string): void => {
    mkdirSync(dirname(join(out, place)), {recursive: true});
    writeFileSync(join(out, place), text);
  };
  put('package.json', '{"type": "commonjs"}\n');
  const program = join(dirname(programs.front), 'build-image');
  put(program, readFileSync(join(dist, '../scripts/bundling/launcher.sh'), 'utf8'));
  chmodSync(join(out, program), 0o755);
  for (const entry of programs.plain) put(entry, await bundled(entry, {}));
  for (const entry of [programs.front, ...programs.launched]) {
    const place = entry.replace(/\.js$/, '.bundle.js');
    const {outputFiles} = await build({
      ...common,
      entryPoints: [join(engine, entry)],
      plugins: [ownUrls(engine, entry), otherPrograms(engine, entry, every), lazyBuiltins()],
      write: false,
      outfile: join(dist, 'bundle', place),
      sourcemap: 'linked',
      sourcesContent: false,
      banner: {js: '(function (exports, require, module, __filename, __dirname) {'},
      footer: {js: '})'},
    });
    const code = ascii(outputFiles.find(({path}) => path.endsWith('.js'))?.text ?? '').replace(/^#!.*/, '');
    for (const {path, text} of outputFiles)
      put(join(dirname(place), basename(path)), path.endsWith('.js') ? code : text);
    const digest = JSON.stringify(createHash('sha256').update(code).digest('hex').slice(0, 12));
    put(entry, await bundled(launcher, {entryPoints: [launcher], plugins: [], define: {bundleDigest: digest}}));
  }
  // A temporary directory is its maker's alone.
  chmodSync(out, 0o755);
  rmSync(join(dist, 'bundle'), {recursive: true, force: true});
  renameSync(out, join(dist, 'bundle'));
} finally {
  rmSync(out, {recursive: true, force: true});
}
await prime(join(dist, 'bundle', programs.front));
