import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

let known: unknown;

/** The native module koffi, which calls functions of C. Throws as Node does where it cannot be loaded. */
export function loadKoffi(): unknown {
  known ??= ofBinary() ?? (createRequire(import.meta.url)('koffi') as unknown);
  return known;
}

/**
 * Its binary for this machine, without its own entry: that takes ten times as long, for it reads Node's program to find out which
 * binary it needs. Undefined where that one is not at its usual place, or for another C library.
 */
function ofBinary(): unknown {
  const {platform, arch} = process;
  const binary = join('node_modules', `@koromix/koffi-${platform}-${arch}`, `${platform}_${arch}`, 'koffi.node');
  let below = '';
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== below; at = dirname(at)) {
    below = at;
    const path = join(at, binary);
    if (!existsSync(path)) continue;
    const module: {exports: unknown} = {exports: {}};
    try {
      process.dlopen(module, path);
    } catch {
      return undefined;
    }
    return module.exports;
  }
  return undefined;
}
