import {type FileHandle, open} from 'node:fs/promises';
import {BuildError, messageOf} from '../../../base/errors.js';
import {parsePax} from '../../../snapshot/tar-pax.js';
import {parseHeader, tarInvalid} from '../../../snapshot/tar-header.js';
import {blockSize, display} from '../../../snapshot/tar-entry.js';

/** A file of an archive: where its bytes are. */
export interface ArchivedFile {
  readonly offset: number;
  readonly size: number;
}

/** A tar file whose entries are read at random. */
export interface ArchiveFile {
  readonly path: string;
  /** Undefined where the archive has no such file. */
  find(name: string): ArchivedFile | undefined;
  read(file: ArchivedFile, most: number): Promise<Buffer>;
  stream(file: ArchivedFile, signal: AbortSignal): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

const mostEntries = 100_000;
const mostMeta = 1024 * 1024;
const chunkSize = 1024 * 1024;

/** Reads the headers once. Rejects with ARCHIVE_INVALID; UNSUPPORTED where the whole archive is compressed. */
export async function openArchive(path: string, signal: AbortSignal): Promise<ArchiveFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw new BuildError('NOT_FOUND', `cannot open the archive ${path}: ${messageOf(error)}`, {cause: error});
  }
  try {
    const {size} = await handle.stat();
    refuseCompressed(await readExactly(handle, 0, Math.min(6, size)), path);
    const {files, links} = await scan(handle, size, signal);
    return {
      path,
      find: (name) => files.get(name) ?? files.get(links.get(name) ?? ''),
      async read(file, most) {
        if (file.size > most) throw tarInvalid(`${file.size} bytes are more than the ${most} that are read`);
        return readExactly(handle, file.offset, file.size);
      },
      stream: (file, either) => streamOf(handle, file, either),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Scanned {
  readonly files: ReadonlyMap<string, ArchivedFile>;
  /** Symlinks and hard links, as paths in the archive. */
  readonly links: ReadonlyMap<string, string>;
}

async function scan(handle: FileHandle, size: number, signal: AbortSignal): Promise<Scanned> {
  const files = new Map<string, ArchivedFile>();
  const links = new Map<string, string>();
  let long: {name?: string; link?: string; size?: number} = {};
  for (let at = 0, count = 0; at < size; count++) {
    signal.throwIfAborted();
    if (count > mostEntries) throw tarInvalid(`more than ${mostEntries} entries`);
    const block = await readExactly(handle, at, blockSize);
    at += blockSize;
    if (block.every((byte) => byte === 0)) break;
    const header = parseHeader(block);
    const length = long.size ?? header.size;
    const next = at + Math.ceil(length / blockSize) * blockSize;
    if (!Number.isSafeInteger(next) || length < 0 || next > size) throw tarInvalid('it ends too early', header.name);
    if ('xLK'.includes(header.typeflag)) {
      if (length > mostMeta) throw tarInvalid('a header is too large');
      const content = await readExactly(handle, at, length);
      long = {...long, ...metaOf(header.typeflag, content)};
    } else {
      const name = normal(long.name ?? header.name);
      if (header.typeflag === '0' || header.typeflag === '7') files.set(name, {offset: at, size: length});
      const link = long.link ?? header.link;
      if (header.typeflag === '1') links.set(name, normal(link));
      if (header.typeflag === '2') links.set(name, normal(`${name.replace(/[^/]*$/, '')}${link}`));
      long = {};
    }
    at = next;
  }
  return {files, links};
}

function metaOf(typeflag: string, content: Buffer): {name?: string; link?: string; size?: number} {
  if (typeflag !== 'x') {
    const text = content.toString('latin1').replace(/\0.*$/s, '');
    return typeflag === 'L' ? {name: text} : {link: text};
  }
  const records = parsePax(content);
  const [name, link, size] = ['path', 'linkpath', 'size'].map((key) => records.get(key)?.toString('latin1'));
  return {
    ...(name !== undefined && {name}),
    ...(link !== undefined && {link}),
    ...(size !== undefined && {size: Number(size)}),
  };
}

/** As a lookup has it: no `./`, no `..`, no slash at an end. */
function normal(name: string): string {
  const parts: string[] = [];
  for (const part of display(name).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function refuseCompressed(block: Buffer, path: string): void {
  const start = block.toString('hex', 0, 6);
  const found = [
    ['1f8b', 'gunzip'],
    ['28b52ffd', 'unzstd'],
    ['fd377a585a00', 'unxz'],
    ['425a68', 'bunzip2'],
  ].find(([magic = '']) => start.startsWith(magic));
  if (found === undefined) return;
  throw new BuildError('UNSUPPORTED', `the image archive ${path} is compressed as a whole`, {
    remedy: `Unpack it first: ${found[1] ?? ''} --keep ${path}`,
  });
}

async function readExactly(handle: FileHandle, offset: number, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  for (let done = 0; done < size;) {
    const {bytesRead} = await handle.read(buffer, done, size - done, offset + done);
    if (bytesRead === 0) throw tarInvalid('it ends too early');
    done += bytesRead;
  }
  return buffer;
}

async function* streamOf(
  handle: FileHandle,
  {offset, size}: ArchivedFile,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let done = 0; done < size;) {
    signal.throwIfAborted();
    const chunk = await readExactly(handle, offset + done, Math.min(chunkSize, size - done));
    done += chunk.length;
    yield chunk;
  }
}
