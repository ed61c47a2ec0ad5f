import {createHash} from 'node:crypto';
import {writeFileList} from '../../../store/facts.js';
import type {SourceDigest} from './digests.js';

/** Hex digits of a digest that are kept: enough to tell two versions of one file apart. */
const keptDigits = 16;

/** Digest of a list of files, 64 hex digits: equal for equal files at equal paths, in the same order. */
export function listDigest(list: readonly SourceDigest[]): string {
  const hash = createHash('sha256');
  for (const {path, mode, digest} of list) hash.update(`${mode} ${digest} ${path}\0`);
  return hash.digest('hex');
}

/** Keeps the list for `explain`. That it cannot be kept is no error. */
export async function keepList(root: string, digest: string, list: readonly SourceDigest[]): Promise<void> {
  const shortened = list.map(({path, mode, digest: whole}) => {
    const hex = whole.slice(whole.indexOf(':') + 1);
    return {path, mode, digest: hex.slice(0, keptDigits)};
  });
  await writeFileList(root, digest, shortened).catch(() => undefined);
}
