import {chmodSync, chownSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {makeDirectories} from '../../../base/make-directories.js';
import {BuildError, quote} from '../../../base/errors.js';
import {hostPathInRoot, statInRoot} from '../../../snapshot/in-root.js';
import {adoptRoot, mountOverlay, unmountOverlay} from '../../../snapshot/overlay.js';
import {openCache} from './cache-mount.js';
import {anyBelowAnother, lastOfEach} from './mount-order.js';
import type {SpecMount} from './spec.js';
import {forwardSocket, startAgent} from './ssh-agent.js';
import type {StepMount} from './step-mounts.js';

export interface PreparedMounts {
  readonly mounts: readonly SpecMount[];
  /** `NAME=value` of secrets, and SSH_AUTH_SOCK. */
  readonly env: readonly string[];
  /** Unmounts, unlocks and removes, last first. Idempotent. */
  release(): Promise<void>;
}

export interface MountPlace {
  /** The step's root file system, mounted. */
  readonly root: string;
  /** Of this step alone; on a file system that can hold the upper directory of an overlay. */
  readonly scratch: string;
  /** Of this step alone; on a tmpfs. Made where it is needed. */
  readonly memory: string;
  readonly rootless: boolean;
  readonly signal: AbortSignal;
}

type Of<Type extends StepMount['type']> = Extract<StepMount, {type: Type}>;

/** Makes ready what the mounts need. Rejects with BuildError, and has released everything then. */
export async function prepareMounts(
  wanted: readonly StepMount[],
  script: {readonly name: string; readonly content: string} | undefined,
  place: MountPlace,
): Promise<PreparedMounts> {
  const releases: (() => void | Promise<void>)[] = [];
  const release = async () => {
    const failures: unknown[] = [];
    for (let task = releases.pop(); task !== undefined; task = releases.pop()) {
      // One that fails keeps no other from its turn.
      await Promise.resolve()
        .then(task)
        .catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  };
  if (wanted.length > 0 || script !== undefined) {
    releases.push(() => {
      for (const directory of [place.scratch, place.memory]) rmSync(directory, {recursive: true, force: true});
    });
  }
  const memory = (): string => {
    makeDirectories(place.memory, 0o755);
    return place.memory;
  };
  const mounts: SpecMount[] = [];
  const env: string[] = [];
  let sockets = 0;
  const targets = wanted.flatMap(({target}) => target ?? []);
  try {
    const guarded = wanted.length > 1 && anyBelowAnother(place.root, targets);
    if (script !== undefined) mounts.push(scriptMount(script, memory()));
    for (const [index, mount] of wanted.entries()) {
      switch (mount.type) {
        case 'bind':
          mounts.push(bindMount(mount, join(place.scratch, `bind${index}`), place.rootless, guarded, releases));
          break;
        case 'cache': {
          const cache = await openCache(mount, place.signal);
          releases.push(() => cache.release());
          mounts.push(bound(mount.target, cache.directory, mount.readOnly));
          break;
        }
        case 'tmpfs':
          mounts.push(tmpfsMount(mount, place.root));
          break;
        case 'secret':
          if (mount.target !== undefined) mounts.push(secretMount(mount, mount.target, join(memory(), String(index))));
          if (mount.env !== undefined) env.push(`${mount.env}=${Buffer.from(mount.value).toString()}`);
          break;
        case 'ssh': {
          const target = mount.target ?? `/run/buildkit/ssh_agent.${sockets}`;
          if (mount.agent !== undefined) {
            const directory = join(memory(), String(index));
            mounts.push(await sshMount(mount, mount.agent, target, directory, place.signal, releases));
          }
          if (sockets++ === 0) env.push(`SSH_AUTH_SOCK=${target}`);
          break;
        }
        default:
          throw new Error(`unreachable: ${JSON.stringify(mount satisfies never)}`);
      }
    }
    return {mounts: lastOfEach(mounts), env, release};
  } catch (error) {
    await release();
    throw error;
  }
}

const bound = (destination: string, source: string, readOnly: boolean, more: readonly string[] = []): SpecMount => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw', ...more],
});

/** `RUN <<EOF` with `#!`: BuildKit shows the text as an executable file under /dev/pipes. */
function scriptMount({name, content}: {readonly name: string; readonly content: string}, memory: string): SpecMount {
  const directory = join(memory, 'pipes');
  mkdirSync(directory, {mode: 0o755});
  const path = join(directory, name);
  writeFileSync(path, content, {flag: 'wx'});
  chmodSync(path, 0o755);
  return bound('/dev/pipes', directory, true);
}

function bindMount(
  mount: Of<'bind'>,
  scratch: string,
  rootless: boolean,
  guarded: boolean,
  releases: (() => void)[],
): SpecMount {
  const kept = mount.readOnly && !guarded;
  const root = kept ? mount.root : overlaid(mount.root, mount.readOnly, scratch, rootless, releases);
  const source = hostPathInRoot(root, mount.path);
  if (statInRoot(source) === undefined) {
    throw new BuildError(
      'STEP_FAILED',
      `the source ${quote(mount.path)} of the mount at ${mount.target} does not exist`,
      {
        remedy: 'The source of a bind mount is a path in the stage or context that `from` names.',
      },
    );
  }
  return bound(mount.target, source, mount.readOnly);
}

/** An overlay over the source: read-only for the runtime too, or the step writes to its upper directory, which nobody reads. */
function overlaid(
  root: string,
  readOnly: boolean,
  scratch: string,
  rootless: boolean,
  releases: (() => void)[],
): string {
  const [upper, work, merged] = [join(scratch, 'upper'), join(scratch, 'work'), join(scratch, 'merged')];
  for (const directory of readOnly ? [upper, merged] : [upper, work, merged]) makeDirectories(directory);
  adoptRoot(upper, root);
  if (readOnly) mountOverlay({target: merged, lowers: [root, upper], userXattrs: rootless});
  else mountOverlay({target: merged, lowers: [root], upper, work, userXattrs: rootless});
  releases.push(() => unmountOverlay(merged));
  return merged;
}

/** It has the mode of the directory that it covers; one below a file is refused when the mount points are made. A size of 0 is no limit. */
function tmpfsMount({target, size}: Of<'tmpfs'>, root: string): SpecMount {
  const covered = statInRoot(hostPathInRoot(root, target));
  const mode = covered === undefined ? [] : [`mode=${(covered.mode & 0o7777).toString(8)}`];
  const limit = size === undefined || size === 0 ? [] : [`size=${size}`];
  return {destination: target, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', ...mode, ...limit]};
}

function secretMount({value, mode, uid, gid}: Of<'secret'>, target: string, path: string): SpecMount {
  writeFileSync(path, value, {flag: 'wx', mode: 0o600});
  chownSync(path, uid ?? 0, gid ?? 0);
  chmodSync(path, mode ?? 0o400);
  return bound(target, path, true, ['nosuid', 'nodev', 'noexec']);
}

async function sshMount(
  mount: Of<'ssh'>,
  given: NonNullable<Of<'ssh'>['agent']>,
  target: string,
  directory: string,
  signal: AbortSignal,
  releases: (() => void | Promise<void>)[],
): Promise<SpecMount> {
  mkdirSync(directory, {mode: 0o700});
  let agent = 'socket' in given ? given.socket : undefined;
  if ('keys' in given) {
    const started = await startAgent(given.keys, directory, signal);
    releases.push(() => started.close());
    agent = started.path;
  }
  const owner = {mode: mount.mode ?? 0o600, uid: mount.uid ?? 0, gid: mount.gid ?? 0};
  const forwarded = await forwardSocket(join(directory, 'forward.sock'), agent ?? '', owner);
  releases.push(() => forwarded.close());
  return bound(target, forwarded.path, false);
}
