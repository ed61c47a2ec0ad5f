import {join} from 'node:path';
import {namesIn, parseVersioned, readSmall, unlinkIfThere} from './files.js';
import {parseChain} from './layers.js';
import type {Store} from './store.js';

const recordVersion = 1;
const mostBytes = 16 * 1024 * 1024;

/**
 * Takes away what says that a damaged snapshot is the result of a step, or holds the layers of an image: it is made anew when it is
 * needed. Its files stay for those who use them, until a prune. Idempotent.
 */
export function forgetSnapshot({root}: Store, id: string): void {
  const records = join(root, 'records');
  for (const path of namesIn(records).flatMap((name) => below(join(records, name)))) {
    const text = readSmall(path, mostBytes)?.text ?? '';
    if (text.includes(id) && parseVersioned(text, recordVersion)?.['snapshot'] === id) unlinkIfThere(path);
  }
  for (const path of below(join(root, 'layers'))) {
    if (parseChain(readSmall(path, mostBytes)?.text ?? '') === id) unlinkIfThere(path);
  }
}

const below = (directory: string): readonly string[] => namesIn(directory).map((name) => join(directory, name));
