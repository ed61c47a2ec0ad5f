import {chmodSync, mkdirSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';

export type TreeEntry =
  | string
  | Buffer
  | {readonly link: string}
  | {readonly mode: number; readonly content: string | Buffer}
  | {readonly directory: true; readonly mode?: number};

/** Writes files, symlinks and directories below `root`; keys are paths, parents are made. */
export function writeTree(root: string, tree: Readonly<Record<string, TreeEntry>>): void {
  for (const [path, entry] of Object.entries(tree)) {
    const target = join(root, path);
    mkdirSync(dirname(target), {recursive: true});
    if (typeof entry === 'string' || Buffer.isBuffer(entry)) {
      writeFileSync(target, entry);
    } else if ('link' in entry) {
      symlinkSync(entry.link, target);
    } else if ('directory' in entry) {
      mkdirSync(target, {recursive: true});
      if (entry.mode !== undefined) chmodSync(target, entry.mode);
    } else {
      writeFileSync(target, entry.content);
      chmodSync(target, entry.mode);
    }
  }
}
