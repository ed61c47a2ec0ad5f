import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {makeDirectories} from '../../../base/make-directories.js';
import {BuildError} from '../../../base/errors.js';
import {errnoOf, syscalls} from '../../../base/syscalls.js';
import {hostPathInRoot} from '../../../snapshot/in-root.js';
import type {StepMount} from './step-mounts.js';

export type CacheMount = Extract<StepMount, {type: 'cache'}>;

export interface OpenCache {
  readonly directory: string;
  /** Gives the lock back. Idempotent. */
  release(): void;
}

/** How often a cache that is in use is asked for again, in ms. */
const pollInterval = 25;

/**
 * The directory of a cache mount, made where there is none, and held: `shared` together with others; `locked` alone, once nobody
 * else has it; `private` alone too, or another directory where somebody has it. The kernel gives the locks back when a process dies.
 * Layout: `<store>/<hash of id and attributes>/<number>/{lock,data}`.
 */
export async function openCache(mount: CacheMount, signal: AbortSignal): Promise<OpenCache> {
  const {id, uid, gid, mode, initial} = mount;
  const identity = JSON.stringify([id, uid ?? 0, gid ?? 0, mode ?? 0o755, initial?.key ?? null, initial?.path ?? null]);
  const top = join(mount.store, createHash('sha256').update(identity).digest('hex').slice(0, 32));
  for (let number = 0; ;) {
    signal.throwIfAborted();
    const place = join(top, String(number));
    const descriptor = hold(place, mount.sharing === 'shared' ? 'shared' : 'exclusive');
    if (descriptor !== undefined) {
      try {
        await populate(place, mount, descriptor, signal);
        return {directory: join(place, 'data'), release: idempotent(() => closeSync(descriptor))};
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
    }
    if (mount.sharing === 'locked') await sleep(pollInterval, undefined, {signal});
    else number++;
  }
}

/** The locked descriptor of a place, or undefined where another holds it. */
function hold(place: string, kind: 'shared' | 'exclusive'): number | undefined {
  makeDirectories(place, 0o700);
  const descriptor = openSync(join(place, 'lock'), 'a', 0o600);
  try {
    if (syscalls().lock(descriptor, kind, false)) return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  closeSync(descriptor);
  return undefined;
}

/** Makes `data` in one move, so that a run that dies half-way leaves none. Two that share a place may both make it. */
async function populate(place: string, mount: CacheMount, descriptor: number, signal: AbortSignal): Promise<void> {
  const data = join(place, 'data');
  if (existsSync(data)) return;
  const made = join(place, `new.${process.pid}.${descriptor}`);
  rmSync(made, {recursive: true, force: true});
  try {
    if (mount.initial === undefined) {
      mkdirSync(made, {mode: 0o755});
      chmodSync(made, mount.mode ?? 0o755);
      chownSync(made, mount.uid ?? 0, mount.gid ?? 0);
    } else {
      await copySource(hostPathInRoot(mount.initial.root, mount.initial.path), made, signal);
    }
    signal.throwIfAborted();
    // Not over an empty directory that another has made meanwhile, and uses.
    syscalls().rename(made, data, 'no-replace');
  } catch (error) {
    rmSync(made, {recursive: true, force: true});
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function copySource(from: string, to: string, signal: AbortSignal): Promise<void> {
  const child = spawn('cp', ['-a', '-T', '--reflink=auto', '--', from, to], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop, {once: true});
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += said.length < 2000 ? chunk.toString() : ''));
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    if (status === 0) return;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  throw new BuildError(
    'STEP_FAILED',
    `the cache mount's source cannot be copied: ${said.trim().split('\n')[0] ?? ''}`,
    {
      remedy: 'The source of a cache mount is a path in the stage or context that `from` names.',
    },
  );
}

function idempotent(task: () => void): () => void {
  let done = false;
  return () => {
    if (!done) task();
    done = true;
  };
}
