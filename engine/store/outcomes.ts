import {statSync} from 'node:fs';
import {join} from 'node:path';
import {namesIn, readSmall, unlinkIfThere, writeWhole} from './files.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

const mostBytes = 16 * 1024 * 1024;
const mostFiles = 64;

/** `<root>/outcomes/<name>`. */
const pathOf = (root: string, key: string): string => join(root, 'outcomes', nameOf(key));

/**
 * 32 hex digits that tell keys apart (four lanes of cyrb53's multiplications). Nobody is kept from making two that are the same,
 * but only the user's own commands are looked up here, and Node takes 10 ms to load what makes better digests.
 */
function nameOf(key: string): string {
  const lanes = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef];
  const factors = [597399067, 2869860233, 951274213, 2716044179];
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    for (let lane = 0; lane < 4; lane++) {
      const mixed = Math.imul((lanes[lane] ?? 0) ^ code, factors[lane] ?? 1);
      lanes[lane] = (lanes[(lane + 1) & 3] ?? 0) ^ mixed ^ (mixed >>> 15);
    }
  }
  return lanes.map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
}

/** What was kept of the last build with this key: parsed JSON. Undefined where there is nothing; throws where it is damaged. */
export function readOutcome(root: string, key: string): unknown {
  const text = readSmall(pathOf(root, key), mostBytes)?.text;
  if (text === undefined) return undefined;
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  // Written whole or not at all; the length notices one that a crash cut.
  return text.slice(0, end) === String(body.length) ? (JSON.parse(body) as unknown) : undefined;
}

/** Keeps it in place of what was there; the oldest of many go. Throws NO_SPACE, IO. */
export function writeOutcome(store: Store, key: string, outcome: unknown): void {
  const directory = directoryOf(store, 'outcomes');
  const body = JSON.stringify(outcome);
  writeWhole(pathOf(store.root, key), temporaryPath(store), `${body.length}\n${body}`, {sync: false});
  const names = namesIn(directory);
  if (names.length <= mostFiles) return;
  const aged = names.map((name) => {
    const path = join(directory, name);
    return {path, written: statSync(path, {throwIfNoEntry: false})?.mtimeMs ?? 0};
  });
  aged.sort((a, b) => b.written - a.written);
  for (const {path} of aged.slice(mostFiles)) unlinkIfThere(path);
}
