import {type FileChange, growth, type ImageDiff} from './compare.js';

export interface ChangeGroup {
  /** Of a package or a layer; undefined: what belongs to none. */
  readonly key: string | undefined;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** Bytes by which the file system grows. */
  readonly bytes: number;
  readonly files: readonly FileChange[];
}

/** Changes by the package that the files belong to; what belongs to none comes last. */
export function byPackage({files}: ImageDiff): readonly ChangeGroup[] {
  return grouped(files, (file) => file.package);
}

/**
 * Changes by the layer that brought them: `b:3` for what the second image's layer 3 added or changed, `a:2` for what only the
 * first image has in its layer 2.
 */
export function byLayer({files}: ImageDiff): readonly ChangeGroup[] {
  return grouped(files, ({before, after}) =>
    after !== undefined ? `b:${after.layer}` : before !== undefined ? `a:${before.layer}` : undefined,
  );
}

function grouped(
  files: readonly FileChange[],
  keyOf: (file: FileChange) => string | undefined,
): readonly ChangeGroup[] {
  const groups = new Map<string | undefined, FileChange[]>();
  for (const file of files) {
    const key = keyOf(file);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [file]);
    else known.push(file);
  }
  const found = [...groups].map(([key, own]): ChangeGroup => {
    const count = (change: FileChange['change']): number => own.filter((file) => file.change === change).length;
    const bytes = own.reduce((sum, file) => sum + growth(file), 0);
    return {key, added: count('added'), removed: count('removed'), changed: count('changed'), bytes, files: own};
  });
  return found.sort((one, other) => {
    if (one.key === undefined || other.key === undefined) return one.key === undefined ? 1 : -1;
    return one.key.localeCompare(other.key, 'en', {numeric: true});
  });
}
