import {createHash} from 'node:crypto';
import {readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {makeDirectory} from '../../../store/files.js';
import type {FileStats} from './file-stats.js';
import {isSettled, nowNs} from './settled.js';
import type {SourceTree} from './source-tree.js';

/** Digests of paths that were read before, for as long as device, inode, size and times are the same. */
export interface DigestMemory {
  /**
   * 64 hex digits: what is remembered of a path with these `stats`, else what `read` gives. That is remembered too, unless the path
   * was written within two seconds before. `owners`: whether they are part of the digest.
   */
  digest(owners: SourceTree['owners'], stats: FileStats, read: () => string): string;
  /** For the next run. That it cannot be written is no error: that run reads again. */
  save(): void;
}

/** Of a context in the store at `root`: one file a directory. */
export function contextMemory(root: string, context: {readonly root: string}): DigestMemory {
  const name = createHash('sha256').update(context.root).digest('hex').slice(0, 16);
  return openMemory(join(root, 'checksums', name));
}

/** Remembers nothing. */
export const noMemory: DigestMemory = {digest: (_owners, _stats, read) => read(), save: () => undefined};

const heading = 'build-image source digests 2';
const mostLines = 1_000_000;

/** Of a file; made where it is missing, made anew where it is damaged. */
function openMemory(file: string): DigestMemory {
  const known = readMemory(file);
  let changes = 0;
  return {
    digest(owners, stats, read) {
      const {dev, ino, size, mtimeNs, ctimeNs} = stats;
      const identity = `${owners === 'kept' ? 'k' : 'r'}${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
      const remembered = known.get(identity);
      if (remembered !== undefined) return remembered;
      const now = nowNs();
      const hex = read();
      if (isSettled(stats, now)) {
        changes++;
        known.set(identity, hex);
      }
      return hex;
    },
    save() {
      if (changes === 0) return;
      changes = 0;
      // Other steps read other parts with the same memory: what was not asked for stays, up to a bound.
      writeMemory(
        file,
        [...known].slice(-mostLines).map(([identity, hex]) => `${identity} ${hex}`),
      );
    },
  };
}

function readMemory(file: string): Map<string, string> {
  let lines: string[];
  try {
    lines = readFileSync(file, 'latin1').split('\n');
  } catch {
    return new Map();
  }
  // Written whole or not at all; the count at the end notices a file that a crash cut.
  if (lines[0] !== heading || lines.at(-1) !== `end ${lines.length - 2}`) return new Map();
  return new Map(lines.slice(1, -1).map((line) => [line.slice(0, -65), line.slice(-64)]));
}

function writeMemory(file: string, lines: readonly string[]): void {
  const beside = `${file}.${process.pid}.${Date.now()}`;
  try {
    makeDirectory(dirname(file));
    writeFileSync(beside, [heading, ...lines, `end ${lines.length}`].join('\n'), {encoding: 'latin1', mode: 0o600});
    renameSync(beside, file);
  } catch {
    rmSync(beside, {force: true});
  }
}
