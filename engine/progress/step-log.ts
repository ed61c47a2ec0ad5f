import {closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {StringDecoder} from 'node:string_decoder';

const defaultInMemory = 8 * 1024 * 1024;
const pieceSize = 64 * 1024;

/** All lines of a step, from the first. What is over the limit goes to a file that has no name any more. */
export interface StepLog {
  append(line: string): void;
  /** Every line in order. Nothing is appended while this runs. */
  lines(): Iterable<string>;
  readonly empty: boolean;
  /** Forgets everything and gives the file back. */
  clear(): void;
}

/** `inMemory` in UTF-16 units. */
export function createStepLog(inMemory = defaultInMemory): StepLog {
  let kept: string[] = [];
  let size = 0;
  let file: number | undefined;
  let written = 0;
  let refused = false;

  // On a full disk the log stays in memory: it must be complete.
  const spill = () => {
    try {
      file ??= openUnnamed();
      const bytes = Buffer.from(kept.map((line) => `${line}\n`).join(''));
      let done = 0;
      while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, written + done);
      written += bytes.length;
      kept = [];
      size = 0;
    } catch {
      refused = true;
    }
  };

  return {
    append(line) {
      kept.push(line);
      size += line.length + 1;
      if (size > inMemory && !refused) spill();
    },
    *lines() {
      if (file !== undefined) yield* linesOf(file, written);
      yield* kept;
    },
    get empty() {
      return written === 0 && kept.length === 0;
    },
    clear() {
      kept = [];
      size = 0;
      written = 0;
      refused = false;
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** A file that is gone with its descriptor, also when the process is killed. */
function openUnnamed(): number {
  const directory = mkdtempSync(join(tmpdir(), 'build-image-log-'));
  try {
    return openSync(join(directory, 'log'), 'wx+', 0o600);
  } finally {
    rmSync(directory, {recursive: true, force: true});
  }
}

function* linesOf(file: number, length: number): Generator<string> {
  const decoder = new StringDecoder('utf8');
  const piece = Buffer.alloc(pieceSize);
  let rest = '';
  for (let at = 0; at < length;) {
    const read = readSync(file, piece, 0, Math.min(pieceSize, length - at), at);
    if (read === 0) break;
    at += read;
    const lines = (rest + decoder.write(piece.subarray(0, read))).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
