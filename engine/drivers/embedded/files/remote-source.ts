import {createHash} from 'node:crypto';
import {chmodSync, closeSync, mkdirSync, openSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {BuildError, quote} from '../../../base/errors.js';
import {syscalls} from '../../../base/syscalls.js';
import {checkOut} from '../../../context/source/git.js';
import {isGitUrl, parseGitUrl, withoutPassword} from '../../../context/source/git-url.js';
import {writeAll} from '../../../snapshot/metadata.js';
import {byteString, cleanComponents, longestName} from './byte-path.js';
import {ioError} from './destination.js';
import {isDirectory} from './file-stats.js';
import {openResponse} from './http.js';
import type {TransferOperation} from './step.js';
import {resolve} from './resolve.js';
import {directoryTree} from './source-tree.js';

/** A URL or repository of ADD that was brought to this machine. */
export interface Fetched {
  /** As the instruction names it, without a password. */
  readonly source: string;
  readonly kind: 'file' | 'tree';
  /** What the file is called where it is added to a directory. */
  readonly name: string;
  /** Absolute: the file, or the directory whose content is added. */
  readonly path: string;
  /** Equal for what is added alike. */
  readonly digest: string;
}

/** Removed by `close`. */
export interface FetchedSources {
  readonly all: readonly Fetched[];
  readonly close: () => void;
}

/** Whether a source of ADD is fetched, and not a path. A scheme in upper case makes a path, as in BuildKit. */
export const isRemote = (text: string): boolean => isGitUrl(text) || /^https?:\/\//.test(text);

/**
 * Fetches what ADD names by URL, in order, into `directory`, which is made. Rejects with NOT_FOUND, STEP_FAILED, DIGEST_MISMATCH,
 * NO_SPACE, GIT_FAILED, TOOL_MISSING or the signal's reason; nothing is left behind then.
 */
export async function fetchSources(
  operation: TransferOperation,
  directory: string,
  signal: AbortSignal,
): Promise<FetchedSources> {
  const wanted = operation.kind === 'add' ? operation.sources.filter(isRemote) : [];
  if (wanted.length === 0) return {all: [], close: () => undefined};
  mkdirSync(directory, 0o700);
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
  const keepGit = parsed.keepGit || operation.keepGitDir;
  const commit = await checkOut({...parsed, checksum, keepGit}, into, signal);
  const {path, stats} = resolve(directoryTree(into), cleanComponents(byteString(parsed.subdirectory ?? '')).join('/'));
  if (stats === undefined || !isDirectory(stats)) {
    throw new BuildError(
      'NOT_FOUND',
      `${quote(withoutPassword(text))} has no directory ${quote(parsed.subdirectory ?? '')}`,
    );
  }
  const root = path === '' ? into : Buffer.from(`${into}/${path}`, 'latin1').toString();
  // What .git holds varies with the time of the checkout; the commit, and which part of it, is what is added.
  const digest = `commit:${commit}:${keepGit ? 'git' : ''}:${parsed.submodules ? 'modules' : ''}:${path}`;
  return {source: withoutPassword(text), kind: 'tree', name: '', path: root, digest};
}

async function fetchFile(
  text: string,
  operation: TransferOperation,
  into: string,
  signal: AbortSignal,
): Promise<Fetched> {
  const {name, modified, body} = await openResponse(text, signal);
  // Where the destination is a file, its name does not matter.
  const path = join(into, Buffer.byteLength(name) > longestName ? 'file' : name);
  const file = openSync(path, 'wx', 0o600);
  const hash = createHash('sha256');
  try {
    for await (const chunk of body) {
      hash.update(chunk);
      writeChunk(file, chunk, text);
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
  return {source: withoutPassword(text), kind: 'file', name, path, digest: `${digest}:${name}:${modified ?? 0}`};
}

function writeChunk(file: number, chunk: Uint8Array, url: string): void {
  try {
    writeAll(file, chunk);
  } catch (error) {
    throw ioError(`cannot keep what ${quote(withoutPassword(url))} gives`, error);
  }
}
