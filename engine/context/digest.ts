import {createHash} from 'node:crypto';
import {closeSync, openSync, readSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {setImmediate} from 'node:timers/promises';
import {hasErrno} from '../base/errors.js';
import type {BuildContext, ContextEntry} from './context.js';
import {batchesOf} from './directory-context.js';
import {byteString, systemPath} from './raw-path.js';
import {changed, unreadable} from './unreadable.js';
import {statOf, type WalkedEntry} from './walk.js';

/** What a path holds: `sha256:` of type, permissions, link target and data; times, owner and inode do not count. */
export interface PathDigest {
  readonly path: string;
  readonly digest: string;
}

export interface DigestOptions {
  /** File that remembers digests between runs; made where it is missing, made anew where it is damaged. None: no memory. */
  readonly cacheFile?: string;
}

/**
 * Digests of everything the walk of `context` gives, in its order. A file whose device, inode, size, mtime and ctime are those of the
 * last run is not read again, unless it was written within the last two seconds before it was read (a second write could
 * leave the same times). Rejects as the walk does, and with CONTEXT_CHANGED. The memory is written at the end, beside and
 * renamed; that it cannot be written is no error.
 */
export async function* contextDigests(
  context: BuildContext,
  options: DigestOptions,
  signal: AbortSignal,
): AsyncGenerator<PathDigest, void, undefined> {
  const root = byteString(context.root === '/' ? '' : context.root);
  const known = await readCache(options.cacheFile);
  const lines: string[] = [];
  let changes = 0;
  let read = 0;
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  for await (const batch of batchesOf(context, signal))
    for (const entry of batch) {
      if (entry.type !== 'file') {
        yield {path: entry.path, digest: digestOf(entry, '')};
        continue;
      }
      const raw = entry.rawPath.toString('latin1');
      const identity = identityOf(root, raw, entry);
      const remembered = known.lineOf(identity);
      if (remembered !== undefined) {
        lines.push(remembered);
        yield {path: entry.path, digest: `sha256:${remembered.slice(-64)}`};
        continue;
      }
      const now = BigInt(Date.now()) * 1_000_000n;
      const digest = digestOf(entry, hashFile(root, raw, entry, buffer));
      if (now - entry.mtimeNs > settled) {
        changes++;
        lines.push(`${identity} ${digest.slice(-64)}`);
      }
      read += entry.size + 4096;
      if (read > buffer.length * 4) {
        read = 0;
        await setImmediate();
        signal.throwIfAborted();
      }
      yield {path: entry.path, digest};
    }
  if (options.cacheFile !== undefined && (changes > 0 || lines.length !== known.size))
    writeCache(options.cacheFile, lines);
}

/** Nanoseconds after which a file's times tell a later write apart. */
const settled = 2_000_000_000n;
const heading = 'build-image context digests 2';

/** Device, inode, size, mtime and ctime; a change of the mode changes the last. */
function identityOf(root: string, raw: string, entry: ContextEntry): string {
  const stats = 'stats' in entry ? (entry as WalkedEntry).stats : statOf(root, raw);
  if (stats === undefined) throw changed(entry.path, 'was removed');
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

function hashFile(root: string, raw: string, entry: ContextEntry, buffer: Buffer): string {
  try {
    const file = openSync(systemPath(`${root}/${raw}`), 'r');
    try {
      const hash = createHash('sha256');
      let length = 0;
      for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer)) {
        hash.update(buffer.subarray(0, count));
        length += count;
        if (length > entry.size) throw changed(entry.path, 'grew');
      }
      if (length < entry.size) throw changed(entry.path, 'shrank');
      return hash.digest('hex');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'EIO', 'EISDIR', 'ENOTDIR')) throw unreadable(entry.path, error);
    throw error;
  }
}

function digestOf(entry: ContextEntry, data: string): string {
  const target = entry.rawLink?.toString('hex') ?? entry.link ?? '';
  const fields = [entry.type, entry.mode.toString(8), target, entry.device?.join(':') ?? '', data];
  return `sha256:${createHash('sha256').update(JSON.stringify(fields)).digest('hex')}`;
}

interface Known {
  readonly size: number;
  /** The remembered line of an identity. */
  lineOf(identity: string): string | undefined;
}

async function readCache(file: string | undefined): Promise<Known> {
  const text = file === undefined ? '' : await readFile(file, 'latin1').catch(() => '');
  const lines = text.split('\n');
  // Written whole or not at all; the count at the end notices a file that a crash cut.
  const whole = lines[0] === heading && lines.at(-1) === `end ${lines.length - 2}`;
  const known = whole ? lines.slice(1, -1) : [];
  const matches = (line: string | undefined, identity: string) =>
    line?.startsWith(identity) === true && line.charAt(identity.length) === ' ';
  let next = 0;
  let byIdentity: Map<string, string> | undefined;
  return {
    size: known.length,
    lineOf(identity) {
      // Runs go the same way, so the next line is nearly always the one; a map is made where something was added or removed.
      const line = known[next];
      if (matches(line, identity)) {
        next++;
        return line;
      }
      byIdentity ??= new Map(known.map((one) => [one.slice(0, -65), one]));
      const found = byIdentity.get(identity);
      if (found !== undefined && matches(known[next + 1], identity)) next += 2;
      return found;
    },
  };
}

function writeCache(file: string, lines: readonly string[]): void {
  const beside = `${file}.${process.pid}.${Date.now()}`;
  try {
    writeFileSync(beside, [heading, ...lines, `end ${lines.length}`].join('\n'), {encoding: 'latin1', mode: 0o600});
    renameSync(beside, file);
  } catch {
    rmSync(beside, {force: true});
  }
}
