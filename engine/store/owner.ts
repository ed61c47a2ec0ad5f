import {readFileSync, readlinkSync} from 'node:fs';
import {hasErrno} from '../base/errors.js';

/** One run of a process, told apart from every other on this machine, whatever reuses its number later. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks between the machine's start and the process's. */
  readonly started: string;
  /** First eight digits of the kernel's boot id. */
  readonly boot: string;
  /** Inode of the process's PID namespace: numbers mean nothing outside it. */
  readonly namespace: string;
}

/** `unknown`: it lives in another PID namespace, where its number cannot be looked up. */
export type Life = 'alive' | 'dead' | 'unknown';

let own: Owner | undefined;

/** This process. */
export function thisOwner(): Owner {
  if (own !== undefined) return own;
  const status = readStatus('self');
  own = {
    pid: status?.pid ?? process.pid,
    started: status?.started ?? '0',
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replaceAll('-', '').slice(0, 8),
    namespace: /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0',
  };
  return own;
}

/** `<pid>.<started>.<boot>.<namespace>`: part of a file's name, so that a full disk does not keep it from being written. */
export function formatOwner(owner: Owner): string {
  return `${owner.pid}.${owner.started}.${owner.boot}.${owner.namespace}`;
}

export function parseOwner(text: string): Owner | undefined {
  const match = /^(\d+)\.(\d+)\.([0-9a-f]{8})\.(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, pid = '', started = '', boot = '', namespace = ''] = match;
  return {pid: Number(pid), started, boot, namespace};
}

/** Whether that process still runs. A zombie does not. */
export function lifeOf(owner: Owner): Life {
  const self = thisOwner();
  if (owner.boot !== self.boot) return 'dead';
  if (owner.namespace !== self.namespace) return 'unknown';
  const status = readStatus(String(owner.pid));
  if (status === undefined || status.started !== owner.started) return 'dead';
  return status.state === 'Z' || status.state === 'X' ? 'dead' : 'alive';
}

function readStatus(process: string): {pid: number; state: string; started: string} | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${process}/stat`, 'latin1');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
  // The name in parentheses may hold anything, also spaces and parentheses (proc_pid_stat(5)).
  const after = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {pid: Number.parseInt(text, 10), state: after[0] ?? '', started: after[19] ?? ''};
}
