import {join} from 'node:path';
import {readSmall, writeWhole} from './files.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

const longest = 200;

/** Digest of what was selected of a tree, by a key of both: so that it is known again without a look at the files. */
export function readContent(store: Store, key: string): string | undefined {
  const text = readSmall(contentPath(store, key), longest)?.text.trim();
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}

/** Throws NO_SPACE, IO. */
export function writeContent(store: Store, key: string, digest: string): void {
  directoryOf(store, 'contents');
  writeWhole(contentPath(store, key), temporaryPath(store), `${digest}\n`, {sync: false});
}

function contentPath(store: Store, key: string): string {
  if (!/^[0-9a-f]{64}$/.test(key)) throw new Error(`not the key of a selection: ${key}`);
  return join(store.root, 'contents', key);
}
