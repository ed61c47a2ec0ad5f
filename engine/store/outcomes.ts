import {createHash} from 'node:crypto';
import {statSync} from 'node:fs';
import {join} from 'node:path';
import {namesIn, readSmall, unlinkIfThere, writeWhole} from './files.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

const mostBytes = 16 * 1024 * 1024;
const mostFiles = 64;

/** `<root>/outcomes/<digest of the key>`. */
const pathOf = (root: string, key: string): string =>
  join(root, 'outcomes', createHash('sha256').update(key).digest('hex').slice(0, 40));

const checksum = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What was kept of the last build with this key: parsed JSON. Undefined where there is nothing, or it is damaged. */
export function readOutcome(root: string, key: string): unknown {
  const text = readSmall(pathOf(root, key), mostBytes)?.text;
  if (text === undefined) return undefined;
  const body = text.slice(65);
  return text[64] === '\n' && text.startsWith(checksum(body)) ? (JSON.parse(body) as unknown) : undefined;
}

/** Keeps it in place of what was there; the oldest of many go. Throws NO_SPACE, IO. */
export function writeOutcome(store: Store, key: string, outcome: unknown): void {
  const directory = directoryOf(store, 'outcomes');
  const body = JSON.stringify(outcome);
  writeWhole(pathOf(store.root, key), temporaryPath(store), `${checksum(body)}\n${body}`, {sync: false});
  const names = namesIn(directory);
  if (names.length <= mostFiles) return;
  const aged = names.map((name) => {
    const path = join(directory, name);
    return {path, written: statSync(path, {throwIfNoEntry: false})?.mtimeMs ?? 0};
  });
  aged.sort((a, b) => b.written - a.written);
  for (const {path} of aged.slice(mostFiles)) unlinkIfThere(path);
}
