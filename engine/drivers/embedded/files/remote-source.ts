import {createHash} from 'node:crypto';
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {BuildError, quote} from '../../../base/errors.js';
import {syscalls} from '../../../base/syscalls.js';
import {checkOut} from '../../../context/source/git.js';
import {isGitUrl, parseGitUrl, withoutPassword} from '../../../context/source/git-url.js';
import {byteString, cleanComponents} from './byte-path.js';
import {openResponse} from './http.js';
import type {TransferOperation} from './step.js';
import {resolve} from './resolve.js';
import {directoryTree} from './source-tree.js';

/** A URL or repository of ADD that was brought to this machine. */
export interface Fetched {
  /** As the instruction names it, without a password. */
  readonly source: string;
  readonly kind: 'file' | 'tree';
  /** Absolute: the file, or the directory whose content is added. */
  readonly path: string;
  readonly digest: string;
}

/** Removed by `close`. */
export interface FetchedSources {
  readonly all: readonly Fetched[];
  readonly close: () => void;
}

/** Whether a source of ADD is fetched, and not a path. */
export const isRemote = (text: string): boolean => isGitUrl(text) || /^https?:\/\//i.test(text);

/**
 * Fetches what ADD names by URL, in order. Rejects with NOT_FOUND, STEP_FAILED, DIGEST_MISMATCH, GIT_FAILED, TOOL_MISSING or the
 * signal's reason; nothing is left behind then.
 */
export async function fetchSources(operation: TransferOperation, signal: AbortSignal): Promise<FetchedSources> {
  const wanted = operation.kind === 'add' ? operation.sources.filter(isRemote) : [];
  if (wanted.length === 0) return {all: [], close: () => undefined};
  const directory = mkdtempSync(join(tmpdir(), 'build-image-fetched-'));
  const close = () => rmSync(directory, {recursive: true, force: true});
  try {
    const all: Fetched[] = [];
    for (const [index, text] of wanted.entries()) {
      const into = join(directory, String(index));
      mkdirSync(into);
      all.push(
        isGitUrl(text) ? await fetchGit(text, operation, into, signal) : await fetchFile(text, operation, into, signal),
      );
    }
    return {all, close};
  } catch (error) {
    close();
    throw error;
  }
}

async function fetchGit(
  text: string,
  operation: TransferOperation,
  into: string,
  signal: AbortSignal,
): Promise<Fetched> {
  const parsed = parseGitUrl(text);
  const checksum = operation.checksum ?? parsed.checksum;
  await checkOut({...parsed, checksum, keepGit: parsed.keepGit || operation.keepGitDir}, into, signal);
  const {path, stats} = resolve(directoryTree(into), cleanComponents(byteString(parsed.subdirectory ?? '')).join('/'));
  if (stats?.isDirectory() !== true) {
    throw new BuildError(
      'NOT_FOUND',
      `${quote(withoutPassword(text))} has no directory ${quote(parsed.subdirectory ?? '')}`,
    );
  }
  const root = path === '' ? into : Buffer.from(`${into}/${path}`, 'latin1').toString();
  return {source: withoutPassword(text), kind: 'tree', path: root, digest: digestTree(root)};
}

/** Of names, modes and data. */
function digestTree(root: string): string {
  const hash = createHash('sha256');
  const visit = (directory: string) => {
    for (const name of readdirSync(directory).sort()) {
      const path = join(directory, name);
      const stats = lstatSync(path);
      hash.update(JSON.stringify([path.slice(root.length), stats.mode]));
      if (stats.isDirectory()) visit(path);
      else if (stats.isSymbolicLink()) hash.update(readlinkSync(path, 'buffer'));
      else hash.update(createHash('sha256').update(readFileSync(path)).digest());
    }
  };
  visit(root);
  return `sha256:${hash.digest('hex')}`;
}

async function fetchFile(
  text: string,
  operation: TransferOperation,
  into: string,
  signal: AbortSignal,
): Promise<Fetched> {
  const {name, modified, body} = await openResponse(text, signal);
  const path = join(into, name);
  const file = openSync(path, 'wx', 0o600);
  const hash = createHash('sha256');
  try {
    for await (const chunk of body) {
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
    }
    chmodSync(path, 0o600);
    // A server that says no time gives the beginning of time, so that the same file is the same.
    syscalls().setFileTimes(file, {seconds: modified ?? 0, nanoseconds: 0});
  } finally {
    closeSync(file);
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (operation.checksum !== undefined && operation.checksum !== digest) {
    throw new BuildError(
      'DIGEST_MISMATCH',
      `${quote(withoutPassword(text))} has the digest ${digest}, not ${operation.checksum}`,
      {
        remedy: 'Check what changed at that address before you take the new digest into --checksum.',
      },
    );
  }
  return {source: withoutPassword(text), kind: 'file', path, digest: `${digest}:${basename(path)}:${modified ?? 0}`};
}
