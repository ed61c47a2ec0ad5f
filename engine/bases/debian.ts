import {createHash} from 'node:crypto';
import {createWriteStream} from 'node:fs';
import {mkdir, readFile, rename, rm, stat, statfs, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {BuildError, hasErrno, quote} from '../base/errors.js';
import {makeDirectories} from '../base/make-directories.js';
import type {ImageConfig} from '../oci/config.js';
import {hostPlatform} from '../oci/platform.js';
import type {EventSink} from '../progress/events.js';
import {formatDeb822, readAptSources, sourcesOfSuite, type AptSource} from './apt-sources.js';
import {customizeHook, slimExcludes} from './image-root.js';
import {fetchReleases} from './release.js';
import {makingDirectory} from './making.js';
import {runTool} from './run-tool.js';
import {debianBaseOf} from './suite.js';

export interface BaseRequest {
  /** `debian:bookworm`, `debian:12-slim`, …; the image gets it as its name. */
  readonly reference: string;
  /** URI of a Debian mirror instead of the machine's own apt sources. */
  readonly mirror?: string;
  /** Packages beside those of the variant `minbase`. */
  readonly packages?: readonly string[];
  /** Seconds since 1970 that no file is newer than; by default the newest `Date` of the package indexes. */
  readonly sourceDateEpoch?: number;
  /** Where finished bases are kept, each in a directory named by its inputs, and found again. */
  readonly directory: string;
}

export interface DebianBaseImage {
  readonly reference: string;
  /** The one layer, an uncompressed tar. It stays in the request's directory. */
  readonly layerPath: string;
  /** `sha256:…` of the layer, which is its diff ID too. */
  readonly diffId: string;
  /** Bytes of the layer. */
  readonly size: number;
  readonly config: ImageConfig;
  /** ISO 8601. */
  readonly created: string;
  /** True where nothing had to be made. */
  readonly cached: boolean;
}

/** Counts as an input: changed whenever the same inputs give another layer. */
const recipe = 2;
const step = 'base';
/** Bytes that a minbase system and its tar need on the way. */
const spaceNeeded = 700 * 1024 * 1024;
const ownNamespaces = [
  ...['setpriv', '--pdeathsig', 'KILL'],
  ...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
] as const;

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * A base image made of Debian packages by mmdebstrap, as root or, with subordinate ids, as an ordinary user. The same
 * inputs (release, packages, mirror contents, date) give the same layer, byte for byte, and are made once. Rejects with
 * UNSUPPORTED, TOOL_MISSING, MIRROR_UNREACHABLE, NO_SPACE, BUILD_FAILED, or the signal's reason; leaves no half-made base.
 */
export async function makeBase(request: BaseRequest, events: EventSink, signal: AbortSignal): Promise<DebianBaseImage> {
  const {suite, slim} = debianBaseOf(request.reference);
  makeDirectories(request.directory);
  const work = await makingDirectory(request.directory);
  try {
    const sources = await findSources(request, suite);
    const releases = await fetchReleases(sources, work, signal);
    if (releases.length === 0) {
      throw new BuildError('MIRROR_UNREACHABLE', `the Debian mirror of this machine has no release ${quote(suite)}`, {
        remedy: 'Name a release that the mirror holds, such as bookworm or stable.',
      });
    }
    const epoch = request.sourceDateEpoch ?? Math.max(...releases.map(({date}) => date));
    const used = releases.map(({source}) => source);
    const inputs = {
      recipe,
      suite,
      slim,
      packages: [...new Set(request.packages ?? [])].sort(),
      architecture: hostPlatform(),
      epoch,
      sources: used.map((source) => formatDeb822(source, true)),
      indexes: releases.map(({sha256}) => sha256),
      aptOptions: await machineAptOptions(signal),
    };
    const key = createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 32);
    const home = join(request.directory, key);
    const name = `${request.reference} from Debian packages`;
    const found = await readMade(home);
    if (found !== undefined) {
      events.emit({type: 'step-cached', step, name, reason: 'the packages of the release are the same'});
      return describe(request.reference, epoch, home, found, true);
    }
    await checkSpace(request.directory);
    events.emit({type: 'step-started', step, name});
    const started = performance.now();
    const layer = await makeLayer({...inputs, used, work}, events, signal);
    await writeFile(join(work, 'base.json'), JSON.stringify(layer));
    await publish(work, home);
    events.emit({type: 'step-done', step, seconds: (performance.now() - started) / 1000});
    return describe(request.reference, epoch, home, layer, false);
  } finally {
    await rm(work, {recursive: true, force: true});
  }
}

interface Layer {
  readonly diffId: string;
  readonly size: number;
}

interface Recipe {
  readonly suite: string;
  readonly slim: boolean;
  readonly packages: readonly string[];
  readonly epoch: number;
  readonly aptOptions: readonly string[];
  readonly used: readonly AptSource[];
  readonly work: string;
}

async function makeLayer(made: Recipe, events: EventSink, signal: AbortSignal): Promise<Layer> {
  const root = process.getuid?.() === 0;
  const {suite, slim, packages, epoch, aptOptions, used, work} = made;
  const settings = root && aptOptions.length > 0 ? [await privateFile(work, aptOptions)] : aptOptions;
  const command: [string, ...string[]] = [
    'mmdebstrap',
    '--variant=minbase',
    `--mode=${root ? 'root' : 'unshare'}`,
    '--format=tar',
    // Device nodes come from the runtime, and only root could make them.
    '--skip=output/dev',
    // The hook does it: what apt-get clean leaves depends on who ran it.
    '--skip=cleanup/apt',
    // It would take the image's own policy away at the end.
    '--skip=chroot/policy-rc.d',
    ...settings.map((option) => `--aptopt=${option}`),
    ...(slim ? slimExcludes.map((exclude) => `--dpkgopt=${exclude}`) : []),
    ...(packages.length === 0 ? [] : [`--include=${packages.join(',')}`]),
    `--customize-hook=${customizeHook(used, aptOptions)}`,
    suite,
    '-',
    '-',
  ];
  const hash = createHash('sha256');
  let size = 0;
  const path = join(work, 'layer.tar');
  async function* layer(stdout: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of concat(deviceDirectory(epoch), stdout)) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  // What it mounts is gone with it, whoever is killed: as an ordinary user it makes namespaces itself.
  await runTool(root ? [...ownNamespaces, ...command] : command, 'mmdebstrap', signal, {
    name: 'mmdebstrap',
    // An ordinary user's directories may be closed to the ids that mmdebstrap runs as, so there it stays with /tmp.
    environment: {SOURCE_DATE_EPOCH: String(epoch), LC_ALL: 'C.UTF-8', ...(root ? {TMPDIR: work} : {})},
    input: used.map((source) => formatDeb822(source, false)).join('\n'),
    onLine: (line) => {
      // mmdebstrap shows the text of the hook, which is no news to anybody.
      if (!/^[IWE]: (?!running --)/.test(line)) return;
      events.emit({type: 'step-log', step, stream: 'stderr', text: `${line}\n`});
    },
    consume: (stdout) => pipeline(layer(stdout), createWriteStream(path, {flush: true})),
  }).catch((error: unknown) => {
    if (root || !(error instanceof BuildError) || error.code !== 'BUILD_FAILED') throw error;
    throw new BuildError(error.code, error.message, {
      remedy: `${error.details.remedy ?? ''}\nAs an ordinary user mmdebstrap needs the package uidmap, a line for the user in /etc/subuid and /etc/subgid, and a kernel that makes user namespaces (sysctl user.max_user_namespaces).`,
      cause: error,
    });
  });
  return {diffId: `sha256:${hash.digest('hex')}`, size};
}

/**
 * The path of a file with the lines, which nobody else may read: the address of a proxy may hold a password. Root's only: as an
 * ordinary user mmdebstrap runs as ids that may not read it either.
 */
async function privateFile(work: string, lines: readonly string[]): Promise<string> {
  const path = join(work, 'apt.conf');
  await writeFile(path, `${lines.join('\n')}\n`, {mode: 0o600});
  return path;
}

async function* concat(head: Buffer, rest: Readable): AsyncGenerator<Buffer> {
  yield head;
  for await (const chunk of rest) yield chunk as Buffer;
}

/** The tar header (ustar, POSIX.1) of the empty directory `./dev/`, which mmdebstrap was told to leave out. */
function deviceDirectory(mtime: number): Buffer {
  const header = Buffer.alloc(512);
  const put = (text: string, offset: number) => header.write(text, offset, 'latin1');
  const octal = (value: number, width: number) => value.toString(8).padStart(width - 1, '0');
  put('./dev/', 0);
  put(octal(0o755, 8), 100);
  put(octal(0, 8), 108);
  put(octal(0, 8), 116);
  put(octal(0, 12), 124);
  put(octal(mtime, 12), 136);
  put('        ', 148);
  put('5', 156);
  put('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 7)}\0 `, 148);
  return header;
}

async function findSources(request: BaseRequest, suite: string) {
  if (request.mirror !== undefined) {
    const source = {uris: [request.mirror], suites: [suite], components: ['main'], options: new Map<string, string>()};
    return [{source, derived: false}];
  }
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME="?([^"\n]*)/m.exec(release)?.[1];
  const debian = /^ID="?debian"?$/m.test(release);
  const sources = sourcesOfSuite(await readAptSources(), suite, debian ? codename : undefined);
  if (sources.length === 0) {
    throw new BuildError('MIRROR_UNREACHABLE', `no apt source of this machine has Debian ${suite}`, {
      remedy: 'A base image is made from the Debian mirrors of the machine; add one to /etc/apt/sources.list.d.',
    });
  }
  return sources;
}

/** The machine's apt settings without which its mirrors may not be usable, as lines of apt.conf(5). */
async function machineAptOptions(signal: AbortSignal): Promise<readonly string[]> {
  const dump = await runTool(['apt-config', 'dump'], 'apt', signal);
  return dump
    .split('\n')
    .filter((line) => /^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy(::[^ ]+)?) "[^"]+";$/.test(line));
}

async function checkSpace(directory: string): Promise<void> {
  const {bavail, bsize} = await statfs(directory);
  if (bavail * bsize >= spaceNeeded) return;
  throw new BuildError('NO_SPACE', `${directory} has ${Math.floor((bavail * bsize) / 1048576)} MiB free`, {
    remedy: `Making a base image needs about ${spaceNeeded / 1048576} MiB there.`,
  });
}

/** Renames the finished base into place. Where another run was faster, its base stays: it has the same content. */
async function publish(work: string, home: string): Promise<void> {
  const finished = `${work}-finished`;
  try {
    await mkdir(finished);
    for (const name of ['layer.tar', 'base.json']) await rename(join(work, name), join(finished, name));
    await rename(finished, home);
  } catch (error) {
    if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  } finally {
    await rm(finished, {recursive: true, force: true});
  }
}

/** A base made earlier; undefined where there is none, or where its layer is not whole. */
async function readMade(home: string): Promise<Layer | undefined> {
  try {
    const layer = JSON.parse(await readFile(join(home, 'base.json'), 'utf8')) as Layer;
    const {size} = await stat(join(home, 'layer.tar'));
    if (size === layer.size && /^sha256:[0-9a-f]{64}$/.test(layer.diffId)) return layer;
  } catch (error) {
    if (hasErrno(error, 'ENOENT') && !(await exists(home))) return undefined;
    if (!hasErrno(error, 'ENOENT') && !(error instanceof SyntaxError)) throw error;
  }
  await rm(home, {recursive: true, force: true});
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function describe(reference: string, epoch: number, home: string, layer: Layer, cached: boolean): DebianBaseImage {
  const created = new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
  const {architecture, os, variant} = hostPlatform();
  return {
    reference: /:[^/]*$/.test(reference) ? reference : `${reference}:latest`,
    layerPath: join(home, 'layer.tar'),
    ...layer,
    created,
    cached,
    config: {
      architecture,
      os,
      ...(variant === undefined ? {} : {variant}),
      created,
      config: {Env: [`PATH=${searchPath}`], Cmd: ['bash']},
      rootfs: {type: 'layers', diff_ids: [layer.diffId]},
      history: [{created, created_by: `build-image base ${reference}`}],
    },
  };
}
