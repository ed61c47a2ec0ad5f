import {renameSync} from 'node:fs';
import {join} from 'node:path';
import {isMissing, randomName, storeFailure} from './files.js';
import {directoryOf, type Store} from './store.js';

/** Takes a file or directory out of the store at once; `emptyTrash` deletes it later. False where it is not there. */
export function moveToTrash(store: Store, path: string): boolean {
  const target = join(directoryOf(store, 'trash'), randomName(8));
  try {
    renameSync(path, target);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw storeFailure('cannot remove from the store', path, error);
  }
}
