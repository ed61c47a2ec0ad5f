import {compareDebianVersions} from '../artifacts/deb-version.js';
import {display} from '../snapshot/tar-entry.js';
import {type ConfigChange, configChanges} from './config-changes.js';
import type {ImageFile} from './file-tree.js';
import type {ImageContent, LayerSummary} from './image.js';

export interface FileState {
  readonly type: ImageFile['type'];
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  readonly link: string | undefined;
  /** Index of the layer it came with. */
  readonly layer: number;
}

export type FileAspect = 'type' | 'content' | 'size' | 'mode' | 'owner' | 'link' | 'device' | 'attributes';

export interface FileChange {
  /** Absolute. */
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** What of it changed; empty for what was added or removed. */
  readonly what: readonly FileAspect[];
  readonly before: FileState | undefined;
  readonly after: FileState | undefined;
  /** `name:architecture` of the package it belongs to, in the image that has it (the second first). */
  readonly package: string | undefined;
}

export interface PackageChange {
  readonly name: string;
  readonly architecture: string;
  readonly change: 'added' | 'removed' | 'upgraded' | 'downgraded';
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Files of it that changed, and by how many bytes. */
  readonly files: number;
  readonly bytes: number;
}

export interface ComparedSide {
  readonly name: string;
  readonly place: string;
  readonly digest: string | undefined;
  readonly configDigest: string | undefined;
  /** Bytes of the files of all layers. */
  readonly size: number;
  readonly files: number;
  readonly packages: number;
  readonly layers: readonly LayerSummary[];
}

export interface ImageDiff {
  readonly a: ComparedSide;
  readonly b: ComparedSide;
  readonly config: readonly ConfigChange[];
  /** Layers that both begin with. */
  readonly sharedLayers: number;
  readonly files: readonly FileChange[];
  readonly packages: readonly PackageChange[];
}

/** What differs from `a` to `b`. Times of files do not count. */
export function compareImages(a: ImageContent, b: ImageContent): ImageDiff {
  const files = fileChanges(a, b);
  const first = a.layers.findIndex(({diffId}, index) => b.layers[index]?.diffId !== diffId);
  return {
    a: sideOf(a),
    b: sideOf(b),
    config: configChanges(a.source.config, b.source.config),
    sharedLayers: first === -1 ? a.layers.length : first,
    files,
    packages: packageChanges(a, b, files),
  };
}

function sideOf({source, bytes, files, packages, layers}: ImageContent): ComparedSide {
  const {name, place, digest, configDigest} = source;
  return {name, place, digest, configDigest, size: bytes, files: files.size, packages: packages.size, layers};
}

function fileChanges(a: ImageContent, b: ImageContent): readonly FileChange[] {
  const changes: FileChange[] = [];
  const add = (path: string, before: ImageFile | undefined, after: ImageFile | undefined): void => {
    const what = before !== undefined && after !== undefined ? aspects(before, after) : [];
    if (before !== undefined && after !== undefined && what.length === 0) return;
    changes.push({
      path: `/${display(path)}`,
      change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
      what,
      before: before && stateOf(before),
      after: after && stateOf(after),
      package: (after === undefined ? a : b).ownerOf(path),
    });
  };
  for (const [path, before] of a.files) add(path, before, b.files.get(path));
  for (const [path, after] of b.files) if (!a.files.has(path)) add(path, undefined, after);
  return changes.sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
}

function aspects(before: ImageFile, after: ImageFile): readonly FileAspect[] {
  if (before.type !== after.type) return ['type'];
  const found: FileAspect[] = [];
  if (before.sha256 !== after.sha256) found.push('content');
  if (before.size !== after.size) found.push('size');
  if (before.mode !== after.mode) found.push('mode');
  if (before.uid !== after.uid || before.gid !== after.gid) found.push('owner');
  if (before.link !== after.link) found.push('link');
  if (before.device !== after.device) found.push('device');
  if (before.xattrs !== after.xattrs) found.push('attributes');
  return found;
}

function stateOf({type, mode, uid, gid, size, link, layer}: ImageFile): FileState {
  return {type, mode, uid, gid, size, link: type === 'symlink' ? display(link) : undefined, layer};
}

/** By how many bytes a change makes the file system larger. */
export const growth = ({before, after}: Pick<FileChange, 'before' | 'after'>): number =>
  (after?.size ?? 0) - (before?.size ?? 0);

function packageChanges(a: ImageContent, b: ImageContent, files: readonly FileChange[]): readonly PackageChange[] {
  const touched = new Map<string, {files: number; bytes: number}>();
  for (const file of files) {
    if (file.package === undefined) continue;
    const sum = touched.get(file.package) ?? {files: 0, bytes: 0};
    sum.files++;
    sum.bytes += growth(file);
    touched.set(file.package, sum);
  }
  const keys = [...new Set([...a.packages.keys(), ...b.packages.keys()])].sort();
  return keys.flatMap((key): PackageChange[] => {
    const [before, after] = [a.packages.get(key), b.packages.get(key)];
    const named = after ?? before;
    if (named === undefined || before?.version === after?.version) return [];
    const order = before && after ? compareDebianVersions(before.version, after.version) : 0;
    const change =
      before === undefined ? 'added' : after === undefined ? 'removed' : order > 0 ? 'downgraded' : 'upgraded';
    const {name, architecture} = named;
    const sum = touched.get(key) ?? {files: 0, bytes: 0};
    return [{name, architecture, change, before: before?.version, after: after?.version, ...sum}];
  });
}
