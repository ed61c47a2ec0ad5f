import {tarInvalid} from './tar-header.js';

/** Records of a pax extended header, by key; both are bytes (keys as a byte string). */
export type PaxRecords = ReadonlyMap<string, Buffer>;

const mostRecords = 10_000;
/** Text for which a NUL byte would cut a name in two. */
const noNul = new Set(['path', 'linkpath', 'uname', 'gname']);

/** Parses `LENGTH KEY=VALUE\n` records (POSIX pax, extended header). Throws BuildError ARCHIVE_INVALID. */
export function parsePax(bytes: Buffer): PaxRecords {
  const records = new Map<string, Buffer>();
  let at = 0;
  while (at < bytes.length) {
    // Some writers pad with zeros.
    if (bytes[at] === 0) break;
    const space = bytes.indexOf(0x20, at);
    const length = space === -1 || space - at > 8 ? NaN : Number(bytes.toString('latin1', at, space));
    const end = at + length;
    if (!Number.isInteger(length) || end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) {
      throw tarInvalid('a pax record has a wrong length');
    }
    const equals = bytes.indexOf(0x3d, space);
    if (equals <= space + 1 || equals >= end) throw tarInvalid('a pax record has no key');
    const key = bytes.toString('latin1', space + 1, equals);
    const value = bytes.subarray(equals + 1, end - 1);
    if (key.includes('\0') || (noNul.has(key) && value.includes(0)))
      throw tarInvalid(`the pax record ${key} has a NUL byte`);
    // GNU sparse 0.0 repeats its keys: they are gathered.
    const repeated = key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes' ? records.get(key) : undefined;
    records.set(key, repeated === undefined ? Buffer.from(value) : Buffer.concat([repeated, Buffer.of(0x2c), value]));
    if (records.size > mostRecords) throw tarInvalid('a pax header has too many records');
    at = end;
  }
  // An empty value stands for that of the header itself.
  for (const [key, value] of records) if (value.length === 0 && !key.startsWith('SCHILY.')) records.delete(key);
  return records;
}
