import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  writeFile,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {makeDirectories} from '../../../base/make-directories.js';
import {BuildError, hasErrno} from '../../../base/errors.js';
import {syscalls} from '../../../base/syscalls.js';

/** Character devices that a step may open, as Docker has it: null, zero, full, random, urandom, tty, console, ptmx, pts. */
const allowed: readonly (readonly [major: number, minor: number | undefined])[] = [
  [1, 3],
  [1, 5],
  [1, 7],
  [1, 8],
  [1, 9],
  [5, 0],
  [5, 1],
  [5, 2],
  [136, undefined],
];

const top = '/sys/fs/cgroup';
/** One for all builds: it is never removed, so that none of them can take it from another. */
const name = 'build-image';
const cgroup2Magic = 0x63677270;

/**
 * Puts this process, and with it all its steps, into a control group in which only harmless devices can be opened: a step is
 * root of this machine and may make the node of any, a disk's too. False where that cannot be done; a step must then be given
 * neither CAP_MKNOD nor a file system with devices.
 */
export async function restrictDevices(): Promise<boolean> {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  const pathOf = (pattern: RegExp) => lines.map((line) => pattern.exec(line)?.[1]).find((path) => path !== undefined);
  const old = pathOf(/^\d+:(?:[^:]*,)?devices(?:,[^:]*)?:(.*)$/);
  const unified = pathOf(/^0::(.*)$/);
  try {
    if (old !== undefined) return await enterOld(join(top, 'devices', old));
    if (unified !== undefined && statfsSync(top).type === cgroup2Magic) return await enterUnified(join(top, unified));
  } catch (error) {
    if (!(error instanceof BuildError) && !hasErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOENT', 'EBUSY', 'EINVAL'))
      throw error;
  }
  return false;
}

/** `rwm` of version 1; making nodes is harmless (kernel documentation, cgroup-v1/devices). */
const rules = ['c *:* m', 'b *:* m', ...allowed.map(([major, minor]) => `c ${major}:${minor ?? '*'} rwm`)];

async function enterOld(parent: string): Promise<boolean> {
  if (parent.endsWith(`/${name}`)) return true;
  const group = join(parent, name);
  // Made whole beside its place: those that are in it must not see the time between its rules.
  if (!isDirectory(group)) {
    const made = join(parent, `${name}-${process.pid}-${Date.now().toString(36)}`);
    mkdirSync(made);
    try {
      writeFileSync(join(made, 'devices.deny'), 'a');
      for (const rule of rules) writeFileSync(join(made, 'devices.allow'), rule);
      renameSync(made, group);
    } catch (error) {
      rmdirSync(made);
      if (!isDirectory(group)) throw error;
    }
  }
  if (readFileSync(join(group, 'devices.list'), 'utf8').startsWith('a ')) return false;
  await enter(group);
  return true;
}

async function enterUnified(parent: string): Promise<boolean> {
  const group = parent.endsWith(`/${name}`) ? parent : join(parent, name);
  makeDirectories(group);
  const directory = openSync(group, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    // Takes the place of the same program of an earlier build.
    syscalls().filterDevices(directory, deviceProgram());
  } finally {
    closeSync(directory);
  }
  if (group !== parent) await enter(group);
  return true;
}

/** Not in this thread: the kernel takes 10 to 20 ms for it. Node's own promises of files take 4 ms to load. */
const enter = (group: string): Promise<void> => promisify(writeFile)(join(group, 'cgroup.procs'), '0');

const isDirectory = (path: string) => statSync(path, {throwIfNoEntry: false})?.isDirectory() === true;

/**
 * The same rules as a program for version 2 (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE): from `{access << 16 | type, major, minor}` in
 * r1 to 1 (allowed) or 0.
 */
export function deviceProgram(): Buffer {
  const code: Buffer[] = [];
  const add = (op: number, to: number, from: number, offset: number, value: number) => {
    const instruction = Buffer.alloc(8);
    instruction.writeUInt8(op, 0);
    instruction.writeUInt8((from << 4) | to, 1);
    instruction.writeInt16LE(offset, 2);
    instruction.writeInt32LE(value, 4);
    code.push(instruction);
  };
  const [load, and, shift, move, moveFrom, equal, notEqual, exit] = [0x61, 0x54, 0x74, 0xb4, 0xbc, 0x15, 0x55, 0x95];
  const answer = (value: number) => {
    add(move, 0, 0, 0, value);
    add(exit, 0, 0, 0, 0);
  };
  const [access, type, major, minor, making, character] = [3, 2, 4, 5, 1, 2];
  add(load, type, 1, 0, 0);
  add(moveFrom, access, type, 0, 0);
  add(shift, access, 0, 0, 16);
  add(and, type, 0, 0, 0xffff);
  add(load, major, 1, 4, 0);
  add(load, minor, 1, 8, 0);
  add(notEqual, access, 0, 2, making);
  answer(1);
  add(equal, type, 0, 2, character);
  answer(0);
  for (const [one, other] of allowed) {
    add(notEqual, major, 0, other === undefined ? 2 : 3, one);
    if (other !== undefined) add(notEqual, minor, 0, 2, other);
    answer(1);
  }
  answer(0);
  return Buffer.concat(code);
}
