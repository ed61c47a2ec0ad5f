import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {BuildError} from '../base/errors.js';
import {createRedactor} from '../base/redact.js';
import type {DebianBaseImage} from '../bases/debian.js';
import type {Daemon} from '../drivers/docker/daemon.js';
import {formatBytes} from '../base/format-bytes.js';
import {reachableDaemon} from './driver-choice.js';
import {progressOf} from './progress-of.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

export interface BaseFlags {
  readonly ifMissing?: boolean;
  readonly driver: string;
  readonly include?: string;
  readonly output?: string;
  readonly root?: string;
  readonly progress: string;
}

/** `build-image base debian:bookworm`: an image out of Debian packages, into the daemon, the embedded store or a docker archive. */
export async function baseCommand(
  reference: string | undefined,
  flags: BaseFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  if (reference === undefined) throw new BuildError('USAGE', 'base needs a reference such as debian:bookworm');
  const root = storeRoot(flags.root, terminal);
  const daemon = flags.output === undefined ? await daemonOf(flags.driver, terminal, signal) : undefined;
  const progress = await progressOf(flags.progress, terminal, createRedactor());
  try {
    const wanted = flags.ifMissing === true && flags.output === undefined;
    if (wanted && (await isThere(daemon, root, reference, signal))) return 0;
    const {makeBase} = await import('../bases/debian.js');
    const base = await makeBase(
      {
        reference,
        directory: join(root, 'bases'),
        ...(flags.include !== undefined && {packages: flags.include.split(',').filter((name) => name !== '')}),
      },
      progress,
      signal,
    );
    if (flags.output !== undefined) await writeArchive(base, resolve(terminal.directory, flags.output), signal);
    else if (daemon !== undefined) await load(daemon, base, signal);
    else await (await import('../drivers/embedded/import-base.js')).importBase(root, base, signal);
    progress.close();
    terminal.answer(`base      ${reference}  ${formatBytes(base.size)}  ${base.diffId}\n`);
    return 0;
  } catch (error) {
    progress.close(error);
    throw error;
  } finally {
    daemon?.close();
  }
}

/** Undefined: the embedded engine gets it. */
async function daemonOf(driver: string, terminal: Terminal, signal: AbortSignal): Promise<Daemon | undefined> {
  const endpoint = driver === 'embedded' ? undefined : await reachableDaemon(terminal, driver === 'docker', signal);
  if (endpoint === undefined) return undefined;
  const {openDaemon} = await import('../drivers/docker/daemon.js');
  return openDaemon(endpoint, signal);
}

async function isThere(
  daemon: Daemon | undefined,
  root: string,
  reference: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (daemon !== undefined) return hasImage(daemon, reference, signal);
  return (await import('../drivers/embedded/import-base.js')).hasImage(root, reference, signal);
}

async function hasImage(daemon: Daemon, reference: string, signal: AbortSignal): Promise<boolean> {
  const {inspectImage, statusOf} = await import('../drivers/docker/api.js');
  try {
    await inspectImage(daemon, reference, signal);
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

async function writeArchive(base: DebianBaseImage, path: string, signal: AbortSignal): Promise<void> {
  const {writeDockerArchive} = await import('../bases/docker-archive.js');
  await writeDockerArchive(base, path, signal);
}

async function load(daemon: Daemon, base: DebianBaseImage, signal: AbortSignal): Promise<void> {
  const {loadArchive} = await import('../drivers/docker/load.js');
  const work = await mkdtemp(join(tmpdir(), 'build-image-base-'));
  try {
    const archive = join(work, 'image.tar');
    await writeArchive(base, archive, signal);
    await loadArchive(await daemon.client(), archive, signal);
  } finally {
    await rm(work, {recursive: true, force: true});
  }
}
