import type {LayerEntry, LayerListing} from './layer-listing.js';

/** A path of an image, with the layer that its last change came with (0 is the lowest). */
export interface ImageFile extends LayerEntry {
  readonly layer: number;
}

interface Node {
  file: ImageFile | undefined;
  children: Map<string, Node> | undefined;
}

const mostLinks = 40;

/** The file system that layers make, put together layer by layer (OCI image-spec, layer.md). Nothing is on disk. */
export class FileTree {
  readonly #root: Node = {file: undefined, children: new Map()};

  /** The layers are applied in order, the lowest first. */
  apply(listing: LayerListing, layer: number): void {
    // Whiteouts are about the layers below, wherever they stand in the archive.
    for (const path of listing.opaque) this.#node(path)?.children?.clear();
    for (const path of listing.removed) this.#remove(path);
    for (const entry of listing.entries) this.#put(entry, layer);
  }

  /** Every path, parents before what is below them, names in byte order. */
  *files(): Generator<ImageFile> {
    yield* walk(this.#root);
  }

  get(path: string): ImageFile | undefined {
    return this.#node(path)?.file;
  }

  /** The path behind symlinked directories; the last component is not followed. As it is where nothing is there. */
  real(path: string): string {
    const slash = path.lastIndexOf('/');
    if (slash === -1) return path;
    const parent = this.#realDirectory(path.slice(0, slash), 0);
    const name = path.slice(slash + 1);
    return parent === '' ? name : `${parent}/${name}`;
  }

  #realDirectory(path: string, links: number): string {
    let at: string[] = [];
    let node: Node | undefined = this.#root;
    const parts = path.split('/');
    for (const [index, part] of parts.entries()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        at.pop();
        node = this.#plain(at);
        continue;
      }
      at.push(part);
      node = node?.children?.get(part);
      if (node?.file?.type !== 'symlink') continue;
      if (links >= mostLinks) return path;
      const {link} = node.file;
      const rest = parts.slice(index + 1).join('/');
      const start = link.startsWith('/') ? '' : at.slice(0, -1).join('/');
      at = this.#realDirectory([start, link, rest].join('/'), links + 1).split('/');
      return at.join('/');
    }
    return at.join('/');
  }

  #plain(parts: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const part of parts) node = node?.children?.get(part);
    return node;
  }

  #node(path: string): Node | undefined {
    return path === '' ? this.#root : this.#plain(this.real(path).split('/'));
  }

  #remove(path: string): void {
    const real = this.real(path);
    const slash = real.lastIndexOf('/');
    const parent = slash === -1 ? this.#root : this.#plain(real.slice(0, slash).split('/'));
    parent?.children?.delete(real.slice(slash + 1));
  }

  #put(entry: LayerEntry, layer: number): void {
    const file = this.#linked(entry, layer);
    if (entry.path === '') {
      this.#root.file = file;
      return;
    }
    const real = this.real(entry.path);
    let node = this.#root;
    for (const part of real.split('/')) {
      node.children ??= new Map();
      let next = node.children.get(part);
      if (next === undefined) node.children.set(part, (next = {file: undefined, children: undefined}));
      node = next;
    }
    node.file = real === entry.path ? file : {...file, path: real};
    // What replaces a directory takes the place of all that was in it.
    if (entry.type !== 'directory') node.children = undefined;
  }

  /** Another name of a file is that file. */
  #linked(entry: LayerEntry, layer: number): ImageFile {
    const target = entry.type === 'hardlink' ? this.get(entry.link) : undefined;
    return target === undefined ? {...entry, layer} : {...target, path: entry.path, layer};
  }
}

function* walk(node: Node): Generator<ImageFile> {
  if (node.file !== undefined) yield node.file;
  if (node.children === undefined) return;
  for (const name of [...node.children.keys()].sort()) {
    const child = node.children.get(name);
    if (child !== undefined) yield* walk(child);
  }
}
