import type {TarEntry, TarType} from './tar-entry.js';
import {blockSize, bytesOf, paddingOf, xattrPrefix} from './tar-entry.js';
import {formatPaxTime, octalLimit, splitName, writeHeader} from './tar-header.js';

const typeflags: Readonly<Record<TarType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};
const idLimit = octalLimit(8);
const sizeLimit = octalLimit(12);
const none = Buffer.alloc(0);
const plain = /^[\x20-\x7e]*$/;

/** Two blocks of zeros: the end of an archive. */
export const endOfArchive: Buffer = Buffer.alloc(2 * blockSize);

/**
 * The header blocks of an entry, the same for the same entry: ustar, with a pax header in front where ustar cannot hold a
 * value (nanoseconds, large ids, long or non-ASCII names, xattrs; POSIX pax, extended header). The data follows it, padded.
 */
export function headerBlocks(entry: TarEntry): Buffer {
  const name = bytesOf(entry.name);
  const link = bytesOf(entry.link);
  const records: Buffer[] = [];
  const {seconds, nanoseconds} = entry.mtime;
  const fitsTime = nanoseconds === 0 && seconds >= 0 && seconds <= sizeLimit;
  const split = plain.test(entry.name) ? splitName(name) : undefined;
  const fitsLink = link.length <= 100 && plain.test(entry.link);
  // In alphabetical order, as other writers have it.
  if (entry.gid > idLimit) records.push(record('gid', String(entry.gid)));
  if (!fitsLink) records.push(record('linkpath', link));
  if (!fitsTime) records.push(record('mtime', formatPaxTime(entry.mtime)));
  if (split === undefined) records.push(record('path', name));
  for (const key of [...entry.xattrs.keys()].sort()) {
    records.push(record(`${xattrPrefix}${key}`, entry.xattrs.get(key) ?? none));
  }
  if (entry.size > sizeLimit) records.push(record('size', String(entry.size)));
  if (entry.uid > idLimit) records.push(record('uid', String(entry.uid)));
  const [prefix, short] = split ?? [none, name.subarray(0, 100)];
  const fields = {
    name: short,
    prefix,
    mode: entry.mode & 0o7777,
    uid: Math.min(entry.uid, idLimit),
    gid: Math.min(entry.gid, idLimit),
    size: Math.min(entry.size, sizeLimit),
    mtime: Math.min(Math.max(seconds, 0), sizeLimit),
    typeflag: typeflags[entry.type],
    link: link.subarray(0, 100),
    major: Math.min(entry.major, idLimit),
    minor: Math.min(entry.minor, idLimit),
  };
  if (records.length === 0) {
    const block = Buffer.allocUnsafe(blockSize);
    writeHeader(block, 0, fields);
    return block;
  }
  const pax = Buffer.concat(records);
  const paxSize = pax.length + paddingOf(pax.length);
  const out = Buffer.alloc(2 * blockSize + paxSize);
  const paxName = bytesOf(`PaxHeaders.0/${entry.name.replace(/\/$/, '').split('/').at(-1) ?? ''}`).subarray(0, 100);
  writeHeader(out, 0, {
    ...fields,
    name: paxName,
    prefix: none,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: pax.length,
    mtime: 0,
    typeflag: 'x',
    link: none,
    major: 0,
    minor: 0,
  });
  pax.copy(out, blockSize);
  writeHeader(out, blockSize + paxSize, fields);
  return out;
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. Keys are byte strings. */
function record(key: string, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? bytesOf(value) : value;
  const rest = key.length + bytes.length + 3;
  let length = rest + String(rest).length;
  if (length !== rest + String(length).length) length = rest + String(length).length;
  return Buffer.concat([bytesOf(`${length} ${key}=`), bytes, bytesOf('\n')]);
}
