import type {BuildContext, ContextEntry} from './context.js';
import {newMemory, readMemory, type DigestMemory} from './digest-memory.js';
import {batchesOf} from './directory-context.js';
import {DiskEntry, rawOf} from './disk-entry.js';
import {digestOfFields} from './helpers/hash-job.js';
import {useHelpers, type Helpers} from './helpers/helpers.js';
import {identityEach, statPaths} from './helpers/jobs.js';
import {byteString} from './raw-path.js';
import {changed, failed} from './unreadable.js';

/** What a path holds: `sha256:` of type, permissions, link target and data; times, owner and inode do not count. */
export interface PathDigest {
  readonly path: string;
  readonly digest: string;
}

export interface DigestOptions {
  /** File that remembers digests between runs; made where it is missing, made anew where it is damaged. None: no memory. */
  readonly cacheFile?: string;
}

/** Nanoseconds after which a file's times tell a later write apart. */
const settled = 2_000_000_000n;
/** Batches that are hashed while another is handed on. */
const ahead = 4;
/** Files from which on threads gain more than their start costs. */
const worthThreads = 16_384;
/** Bytes and files of one job, roughly. */
const jobBytes = 8 * 1024 * 1024;
const jobFiles = 256;

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
  const known = readMemory(options.cacheFile);
  const memory = newMemory();
  let changes = 0;
  const helpers = useHelpers();
  if (known.size > worthThreads) helpers.start();
  const waiting: Promise<readonly Found[]>[] = [];
  function* settle(found: readonly Found[]): Generator<PathDigest> {
    for (const {entry, digest, walked, fresh} of found) {
      if (walked !== undefined) {
        memory.add(walked.identities, walked.at, digest);
        if (fresh) changes++;
      }
      yield {path: entry.path, digest: `sha256:${digest}`};
    }
  }
  try {
    for await (const batch of batchesOf(context, signal)) {
      const found = digestsOf(batch, root, known, helpers);
      found.catch(() => undefined);
      waiting.push(found);
      if (waiting.length > (helpers.ready() ? ahead : 0)) yield* settle((await waiting.shift()) ?? []);
      signal.throwIfAborted();
    }
    for (const found of waiting) {
      yield* settle(await found);
      signal.throwIfAborted();
    }
  } finally {
    helpers.release();
  }
  if (options.cacheFile !== undefined && (changes > 0 || memory.size() !== known.size)) memory.write(options.cacheFile);
}

interface Found {
  readonly entry: ContextEntry;
  /** 64 hex digits. */
  digest: string;
  /** Where the digest is to be remembered. */
  readonly walked: Place | undefined;
  readonly fresh: boolean;
}

/** Looks up what is remembered at once, and has the rest read. */
async function digestsOf(
  batch: readonly ContextEntry[],
  root: string,
  known: DigestMemory,
  helpers: Helpers,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  const jobs: Promise<void>[] = [];
  let unread: Found[] = [];
  let bytes = 0;
  const read = () => {
    if (unread.length > 0) jobs.push(hash(unread, root, helpers));
    // Hashing is work for more than one core.
    if (jobs.length > 2) helpers.start();
    [unread, bytes] = [[], 0];
  };
  const now = BigInt(Date.now()) * 1_000_000n;
  for (const entry of batch) {
    if (entry.type !== 'file') {
      found.push({entry, digest: digestOfOther(entry), walked: undefined, fresh: false});
      continue;
    }
    const walked = placeOf(root, entry);
    const digest = known.find(walked.identities, walked.at);
    if (digest !== undefined) {
      found.push({entry, digest, walked, fresh: false});
      continue;
    }
    // A time of writing can be set back, that of the last change cannot.
    const written = walked.identities[walked.at + 4] ?? now;
    const one = {entry, digest: '', walked: now - written > settled ? walked : undefined, fresh: true};
    found.push(one);
    unread.push(one);
    bytes += entry.size;
    if (bytes > jobBytes || unread.length === jobFiles) read();
  }
  read();
  await Promise.all(jobs);
  return found;
}

async function hash(files: readonly Found[], root: string, helpers: Helpers): Promise<void> {
  const paths = files.map(({entry}) => rawOf(entry)).join('\0');
  const expected = Float64Array.from(files.flatMap(({entry}) => [entry.size, entry.mode]));
  const {digests, failure} = await helpers.run({kind: 'hash', root, paths, expected});
  if (failure !== undefined) throw failed(files[failure.index]?.entry.path ?? '', failure);
  files.forEach((one, index) => (one.digest = digests.slice(index * 64, index * 64 + 64)));
}

/** Where what `lstat` said of a file is. */
interface Place {
  readonly identities: BigInt64Array;
  readonly at: number;
}

function placeOf(root: string, entry: ContextEntry): Place {
  if (entry instanceof DiskEntry && entry.found !== undefined)
    return {identities: entry.found.identities, at: entry.index * identityEach};
  const found = statPaths({kind: 'stat', root, paths: rawOf(entry)});
  if (found.failure !== undefined) throw failed(entry.path, found.failure);
  if (found.numbers[0] === 0) throw changed(entry.path, 'was removed');
  return {identities: found.identities, at: 0};
}

function digestOfOther(entry: ContextEntry): string {
  const target = entry.rawLink?.toString('hex') ?? entry.link ?? '';
  return digestOfFields([entry.type, entry.mode.toString(8), target, entry.device?.join(':') ?? '', '']);
}
