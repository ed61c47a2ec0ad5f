import {mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, posix} from 'node:path';
import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import type * as Program from '../engine/cli/program.js';
import typescript from 'typescript';

// Writes dist/engine/bundle.cjs and the code cache beside it: what `engine/base/bundle.ts` loads. Run after the compiler.
const engine = fileURLToPath(new URL('../engine/', import.meta.url));
const warmUpFlag = '--warm-up';

/** Programs of their own, which load the bundle, and what only the daemon's driver loads. */
const left = (path: string): boolean =>
  ['base/bundle.js', 'cli/main.js', 'drivers/embedded/executor.js'].includes(path) ||
  path.startsWith('drivers/docker/session/') ||
  path.endsWith('worker.js');

function modulePaths(): readonly string[] {
  return readdirSync(engine, {recursive: true, encoding: 'utf8'}).filter((path) => path.endsWith('.js') && !left(path));
}

/** One module as a function of `require`, `exports` and its own URL. Names in `require` are paths in the bundle. */
function moduleFunction(path: string, all: ReadonlySet<string>): string {
  const source = readFileSync(join(engine, path), 'utf8').replaceAll('import.meta', '__meta');
  const {outputText} = typescript.transpileModule(source, {
    fileName: path,
    compilerOptions: {
      module: typescript.ModuleKind.CommonJS,
      target: typescript.ScriptTarget.ES2022,
      esModuleInterop: true,
      noEmitHelpers: true,
      removeComments: true,
    },
  });
  const text = outputText
    .replace(/^"use strict";\n/, '')
    .replace(/^\/\/# sourceMappingURL=.*$/m, '')
    .replaceAll(/\brequire\(["'](\.[^"']+)["']\)/g, (whole, relative: string) => {
      const target = posix.join(posix.dirname(path), relative);
      return all.has(target) ? `__load("${target}")` : whole.replace(relative, `./${target}`);
    });
  return `${JSON.stringify(path)}(exports, require, __load, __meta) {\n${text}}`;
}

const runtime = `
const __namespace = require('node:util').types.isModuleNamespaceObject;
const __importDefault = (module) => (__namespace(module) ? module : {default: module});
const __importStar = (module) =>
  __namespace(module) || module.__esModule ? module : Object.assign({default: module}, module);
const __exportStar = (from, to) => {
  for (const name of Object.keys(from)) if (name !== 'default' && !(name in to)) to[name] = from[name];
};
const modules = new Map();
const __load = (path) => {
  const known = modules.get(path);
  if (known !== undefined) return known;
  const make = functions[path];
  if (make === undefined) return undefined;
  const exports = {};
  modules.set(path, exports);
  make(exports, require, __load, {url: directory + path});
  return exports;
};
__load.script = script;
return __load;
`;

/** Characters beyond Latin-1 as escapes, so that the file can be read as bytes. */
const ascii = (text: string): string =>
  text.replaceAll(/[^\x00-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

function writeBundle(): void {
  const paths = modulePaths();
  const all = new Set(paths);
  const functions = paths.map((path) => moduleFunction(path, all)).join(',\n');
  const text = `(function (require, directory, script) {"use strict";\nconst functions = {\n${functions}\n};${runtime}})`;
  const file = join(engine, 'bundle.cjs');
  writeFileSync(`${file}.new`, ascii(text), 'latin1');
  rmSync(`${file}.cache`, {force: true});
  renameSync(`${file}.new`, file);
}

/** Runs what a build that finds everything in the store runs, so that its functions are in the code that is kept. */
async function warmUp(): Promise<void> {
  const {bundled, bundledCode} = await import('../engine/base/bundle.js');
  const program = bundled('cli/program.js') as typeof Program | undefined;
  if (program === undefined) throw new Error('the bundle does not load');
  const directory = mkdtempSync(join(tmpdir(), 'build-image-bundle-'));
  try {
    writeFileSync(
      join(directory, 'Dockerfile'),
      'FROM scratch AS a\nARG X=1\nCOPY f /f\nFROM scratch\nENV A=b\nCOPY --from=a /f /g\nCMD ["g"]\n',
    );
    writeFileSync(join(directory, 'f'), 'f');
    const common = [directory, '--driver', 'embedded', '--root', join(directory, 'store'), '--quiet', '-t', 'warm:up'];
    // The second finds all in the store where the machine lets the first build at all.
    for (let round = 0; round < 2; round++) await program.main(['build', ...common]);
    const code = bundledCode();
    if (code === undefined) throw new Error('the bundle has no code');
    const file = join(engine, 'bundle.cjs.cache');
    writeFileSync(`${file}.new`, code);
    renameSync(`${file}.new`, file);
  } finally {
    rmSync(directory, {recursive: true, force: true});
  }
}

if (process.argv[2] === warmUpFlag) {
  await warmUp();
} else {
  writeBundle();
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), warmUpFlag], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
