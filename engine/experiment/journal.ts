import {appendFileSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {BuildError, hasErrno, messageOf} from '../base/errors.js';
import {makeDirectories} from '../base/make-directories.js';
import type {VariantResult} from './result.js';

const version = 1;
const file = 'journal.jsonl';
const mostBytes = 256 * 1024 * 1024;

/** What of an earlier, interrupted run can be used again: results by the variant's key. */
export type Finished = ReadonlyMap<string, VariantResult>;

/** The record of a running experiment: a line for each variant that has ended, on the disk before the next one counts. */
export interface Journal {
  add(key: string, result: VariantResult): void;
  /** Everything has ended: the next run begins anew. */
  end(): void;
  close(): void;
}

type Line =
  | {readonly version: number; readonly experiment: string}
  | {readonly key: string; readonly result: VariantResult}
  | {readonly ended: true};

/** Results of the last run in `directory` where that was interrupted; none where it ended, or there was none. */
export function readJournal(directory: string): Finished {
  const finished = new Map<string, VariantResult>();
  let text: string;
  try {
    const bytes = readFileSync(join(directory, file));
    if (bytes.length > mostBytes) return finished;
    text = bytes.toString('utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return finished;
    throw new BuildError('IO', `cannot read the journal of the experiment: ${messageOf(error)}`, {file: directory});
  }
  for (const [index, line] of text.split('\n').entries()) {
    const parsed = parse(line);
    // The line that was being written when the run was killed.
    if (parsed === undefined) continue;
    if (index === 0 && (!('version' in parsed) || parsed.version !== version)) return finished;
    if ('ended' in parsed) return new Map();
    if ('key' in parsed) finished.set(parsed.key, parsed.result);
  }
  return finished;
}

function parse(line: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}

/** Begins a journal with what is taken over from the last one. Throws IO, NO_SPACE. */
export function openJournal(directory: string, experiment: string, kept: Finished): Journal {
  const path = join(directory, file);
  const attempt = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      const full = hasErrno(error, 'ENOSPC', 'EDQUOT');
      throw new BuildError(full ? 'NO_SPACE' : 'IO', `cannot keep the experiment: ${messageOf(error)}`, {
        file: path,
        cause: error,
        remedy: 'Keep it elsewhere with --output DIR.',
      });
    }
  };
  const descriptor = attempt(() => {
    makeDirectories(directory);
    const lines: readonly Line[] = [{version, experiment}, ...[...kept].map(([key, result]) => ({key, result}))];
    writeFileSync(`${path}.tmp`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    renameSync(`${path}.tmp`, path);
    return openSync(path, 'a');
  });
  const write = (line: Line): void =>
    attempt(() => {
      appendFileSync(descriptor, `${JSON.stringify(line)}\n`);
      fsyncSync(descriptor);
    });
  return {
    add: (key, result) => write({key, result}),
    end: () => write({ended: true}),
    close: () => closeSync(descriptor),
  };
}
