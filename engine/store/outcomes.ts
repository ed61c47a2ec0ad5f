import {join} from 'node:path';
import {keepNewest, readSmall, writeWhole} from './files.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

const mostBytes = 16 * 1024 * 1024;
const mostFiles = 64;

/** `<root>/outcomes/<name>`. */
const pathOf = (root: string, key: string): string => join(root, 'outcomes', nameOf(key));

/** FNV-1a, eight hex digits. Keys that share a name take each other's place: the file says whose it is. */
function nameOf(key: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Lengths, so that what a crash cut off is noticed; then the key; then the JSON of the outcome. */
const headOf = (key: string, body: string): string => `${key.length} ${body.length}\n${key}\n`;

/** What was kept of the last build with this key: parsed JSON. Undefined where there is nothing; throws where it is damaged. */
export function readOutcome(root: string, key: string): unknown {
  const text = readSmall(pathOf(root, key), mostBytes)?.text;
  if (text === undefined) return undefined;
  const body = text.slice(text.indexOf('\n') + key.length + 2);
  return text.startsWith(headOf(key, body)) ? (JSON.parse(body) as unknown) : undefined;
}

/** Keeps it in place of what was there; the oldest of many go. Throws NO_SPACE, IO. */
export function writeOutcome(store: Store, key: string, outcome: unknown): void {
  const directory = directoryOf(store, 'outcomes');
  const body = JSON.stringify(outcome);
  writeWhole(pathOf(store.root, key), temporaryPath(store), headOf(key, body) + body, {sync: false});
  keepNewest(directory, mostFiles);
}
