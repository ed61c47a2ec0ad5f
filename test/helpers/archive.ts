import {noXattrs, paddingOf, type TarEntry} from '../../engine/snapshot/tar-entry.js';
import {endOfArchive, headerBlocks} from '../../engine/snapshot/tar-writer.js';

export type Piece = Partial<Omit<TarEntry, 'size'>> & {readonly name: string; readonly content?: string | Buffer};

/** A tar archive of exactly these entries, however wrong they are. */
export function archive(...pieces: readonly Piece[]): Buffer {
  return Buffer.concat([...pieces.flatMap(blocks), endOfArchive]);
}

function blocks({content = '', ...piece}: Piece): Buffer[] {
  const data = Buffer.from(content);
  const entry: TarEntry = {
    type: piece.name.endsWith('/') ? 'directory' : 'file',
    mode: piece.name.endsWith('/') ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size: data.length,
    mtime: {seconds: 1_600_000_000, nanoseconds: 0},
    link: '',
    major: 0,
    minor: 0,
    xattrs: noXattrs,
    ...piece,
  };
  return [headerBlocks(entry), data, Buffer.alloc(paddingOf(data.length))];
}
