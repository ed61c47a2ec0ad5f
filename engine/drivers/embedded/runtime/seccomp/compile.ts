import {createHash, randomBytes} from 'node:crypto';
import {closeSync, openSync, readFileSync, renameSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {makeDirectories} from '../../../../base/make-directories.js';
import {hasErrno} from '../../../../base/errors.js';
import {loadKoffi} from '../../../../base/koffi.js';
import {type Architecture, type ArgumentTest, defaultErrno, rulesFor, type SyscallRule} from './profile.js';

type Native = (...args: readonly unknown[]) => unknown;
interface Koffi {
  load(library: string): {func(prototype: string): Native};
}

/** Numbers of libseccomp's interface: they are part of its ABI. */
const allow = 0x7fff0000;
const failWith = (errno: number) => 0x00050000 | errno;
const operators: Readonly<Record<ArgumentTest['test'], number>> = {equal: 4, 'not-equal': 1, masked: 7};
/** ELF machine and flags, as the kernel's audit numbers; the native one is in every filter already. */
const foreign: Readonly<Record<Architecture, readonly number[]>> = {
  x64: [0x40000003, 0x4000003e],
  arm64: [0x40000028],
};
/** SCMP_FLTATR_CTL_OPTIMIZE, since 2.5. */
const optimize = 8;
const binaryTree = 2;
const unknownName = -1;
const EEXIST = -17;
/** The kernel takes no longer program (BPF_MAXINSNS, 8 bytes each). */
const mostBytes = 4096 * 8;

/**
 * The filter as a BPF program, or undefined where libseccomp is not there (the runtime then compiles it for each step, which
 * takes it 5 to 10 ms). Kept in `cacheDirectory` by the content of the profile, so that libseccomp is loaded once.
 */
export function compiledFilter(
  architecture: Architecture,
  capabilities: readonly string[],
  cacheDirectory: string,
): Buffer | undefined {
  const rules = rulesFor(architecture, capabilities);
  const key = createHash('sha256')
    .update(JSON.stringify([2, architecture, defaultErrno, rules]))
    .digest('hex');
  const path = join(cacheDirectory, `seccomp-${key.slice(0, 32)}.bpf`);
  try {
    const kept = readFileSync(path);
    if (isProgram(kept)) return kept;
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  makeDirectories(cacheDirectory);
  const beside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    if (!compileTo(beside, architecture, rules)) return undefined;
    const made = readFileSync(beside);
    if (!isProgram(made)) return undefined;
    renameSync(beside, path);
    return made;
  } finally {
    rmSync(beside, {force: true});
  }
}

const isProgram = (bytes: Buffer) => bytes.length > 0 && bytes.length % 8 === 0 && bytes.length <= mostBytes;

/** False where libseccomp or the native module cannot be loaded or refuses a rule. */
function compileTo(path: string, architecture: Architecture, rules: readonly SyscallRule[]): boolean {
  const library = loadLibrary();
  if (library === undefined) return false;
  const init = library.func('void *seccomp_init(uint32_t action)');
  const release = library.func('void seccomp_release(void *context)');
  const setAttribute = library.func('int seccomp_attr_set(void *context, int attribute, uint32_t value)');
  const addArchitecture = library.func('int seccomp_arch_add(void *context, uint32_t token)');
  const numberOf = library.func('int seccomp_syscall_resolve_name(str name)');
  const addRule = library.func(
    'int seccomp_rule_add_array(void *context, uint32_t action, int number, uint count, const uint8_t *tests)',
  );
  const exportTo = library.func('int seccomp_export_bpf(void *context, int descriptor)');
  const context = init(failWith(defaultErrno));
  if (context === null) return false;
  try {
    // The kernel runs the filter for each call there is as it loads it; an old library that refuses has its long list.
    setAttribute(context, optimize, binaryTree);
    for (const token of foreign[architecture]) {
      const result = addArchitecture(context, token) as number;
      if (result !== 0 && result !== EEXIST) return false;
    }
    for (const rule of rules) {
      const action = rule.errno === undefined ? allow : failWith(rule.errno);
      const tests = encodeTests(rule.when ?? []);
      for (const name of rule.names) {
        const number = numberOf(name) as number;
        // A call that this library does not know yet: not named, so it fails with the default.
        if (number === unknownName) continue;
        const result = addRule(context, action, number, rule.when?.length ?? 0, tests) as number;
        if (result !== 0) return false;
      }
    }
    const descriptor = openSync(path, 'wx', 0o600);
    try {
      return (exportTo(context, descriptor) as number) === 0;
    } finally {
      closeSync(descriptor);
    }
  } finally {
    release(context);
  }
}

/** `struct scmp_arg_cmp`: index, operator, and two 64-bit values (for a mask: the mask, and what is left). */
function encodeTests(tests: readonly ArgumentTest[]): Buffer {
  const bytes = Buffer.alloc(Math.max(1, tests.length) * 24);
  tests.forEach(({index, test, value}, position) => {
    const at = position * 24;
    bytes.writeUInt32LE(index, at);
    bytes.writeUInt32LE(operators[test], at + 4);
    bytes.writeBigUInt64LE(BigInt(value), at + 8);
  });
  return bytes;
}

function loadLibrary(): {func(prototype: string): Native} | undefined {
  try {
    const koffi = loadKoffi() as Koffi;
    return koffi.load('libseccomp.so.2');
  } catch {
    return undefined;
  }
}
