import {readFile} from 'node:fs/promises';
import {builtinModules, createRequire} from 'node:module';
import {dirname, join, relative} from 'node:path';
import type {Plugin} from 'esbuild';

const require = createRequire(import.meta.url);

/** A module's own URL is that of its place in the bundle's tree, so that what it names relative to itself is found there. */
export function ownUrls(engine: string, entry: string): Plugin {
  return {
    name: 'own-urls',
    setup(build) {
      build.onLoad({filter: /\.js$/}, async ({path}) => {
        const place = relative(engine, path);
        if (place.startsWith('..')) return undefined;
        const text = await readFile(path, 'utf8');
        const own = JSON.stringify(`/${relative(dirname(entry), place)}`);
        const url = `require("node:url").pathToFileURL(__dirname + ${own}).href`;
        return {contents: text.replaceAll('import.meta.url', url), resolveDir: dirname(path)};
      });
    },
  };
}

/** Programs that are files of their own stay imports. */
export function otherPrograms(engine: string, entry: string, programs: readonly string[]): Plugin {
  return {
    name: 'other-programs',
    setup(build) {
      build.onResolve({filter: /^\.{1,2}\//}, ({path, resolveDir}) => {
        const place = relative(engine, join(resolveDir, path));
        if (place === entry || !programs.includes(place)) return undefined;
        const own = relative(dirname(entry), place);
        return {path: own.startsWith('.') ? own : `./${own}`, external: true};
      });
    },
  };
}

/**
 * Node's own modules are loaded at the first use of what they export: together they take longer than a build that finds
 * everything cached. Those that are themselves a function or a class are loaded at once.
 */
export function lazyBuiltins(): Plugin {
  return {
    name: 'lazy-builtins',
    setup(build) {
      build.onResolve({filter: /^(node:)?[a-z_/]+$/}, ({path, namespace}) => {
        const name = path.replace('node:', '');
        if (namespace === 'lazy-builtin' || !builtinModules.includes(name) || !isPlain(name)) return undefined;
        return {path: name, namespace: 'lazy-builtin'};
      });
      build.onLoad({filter: /.*/, namespace: 'lazy-builtin'}, ({path}) => ({contents: lazyModule(path)}));
    },
  };
}

/** `fs`, `path` and `process` are there before the first line of a program runs. */
function isPlain(name: string): boolean {
  return !['fs', 'path', 'process'].includes(name) && typeof (require(name) as unknown) === 'object';
}

/** The prototype, so that nothing of it is copied where it is imported; `__esModule` is asked of every import. */
const lazyModule = (name: string): string => `
let loaded;
const load = () => (loaded ??= require(${JSON.stringify(`node:${name}`)}));
module.exports = Object.create(new Proxy({}, {
  get: (_, name) => name === '__esModule' ? undefined : load()[name],
  set: (_, name, value) => { load()[name] = value; return true; },
  has: (_, name) => name in load(),
}));`;
