import {BuildError, messageOf} from './errors.js';
import {loadKoffi} from './koffi.js';

export type Native = (...args: (number | Uint8Array | null | string | bigint | object)[]) => number;

export interface CLibrary {
  /** A function by its prototype, in koffi's notation. */
  readonly bind: (prototype: string) => Native;
  /** A structure that prototypes name. */
  struct(name: string, fields: Readonly<Record<string, string>>): void;
  /** Of the call before. */
  readonly errno: () => number;
}

interface Koffi {
  load(library: string): {func(prototype: string): Native};
  struct(name: string, fields: Readonly<Record<string, string>>): unknown;
  errno(): number;
}

/** AT_FDCWD and AT_SYMLINK_NOFOLLOW. */
export const atCwd = -100;
export const noFollow = 0x100;

/** A path as C has it. */
export const cPath = (path: string | Buffer): Buffer =>
  typeof path === 'string' ? Buffer.from(`${path}\0`) : Buffer.concat([path, Buffer.of(0)]);

let loaded: CLibrary | undefined;

/** The C library of this process. Throws TOOL_MISSING, KERNEL_REFUSED. */
export function cLibrary(): CLibrary {
  loaded ??= load();
  return loaded;
}

function load(): CLibrary {
  let koffi: Koffi;
  try {
    koffi = loadKoffi() as Koffi;
  } catch (error) {
    throw new BuildError('TOOL_MISSING', `the native module koffi cannot be loaded: ${messageOf(error)}`, {
      cause: error,
      remedy: 'Install the packages again with `npm ci`.',
    });
  }
  const library = open(koffi);
  return {
    // Binding takes longer than calling: what is not called is not bound.
    bind(prototype) {
      let bound: Native | undefined;
      return (...args) => (bound ??= library.func(prototype))(...args);
    },
    struct: (name, fields) => void koffi.struct(name, fields),
    errno: () => koffi.errno(),
  };
}

function open(koffi: Koffi): {func(prototype: string): Native} {
  for (const name of ['libc.so.6', 'libc.so']) {
    try {
      return koffi.load(name);
    } catch {
      // musl has the second name only
    }
  }
  throw new BuildError('KERNEL_REFUSED', 'the C library cannot be loaded: neither libc.so.6 nor libc.so is there');
}
