import type {FileHandle} from 'node:fs/promises';
import {BuildError, quote} from '../base/errors.js';

const magic = '!<arch>\n';
const headerSize = 60;
const pieceSize = 64 * 1024;
// A package has three members, and a few signatures at most.
const mostMembers = 100;

/** A member of an ar archive (deb(5), ar(5)): where its bytes are in the file. */
export interface ArMember {
  readonly name: string;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
}

/** Every member's name and place; contents are not read. Throws BuildError ARTIFACT_INVALID. */
export async function readArMembers(file: FileHandle, signal: AbortSignal): Promise<readonly ArMember[]> {
  const {size: fileSize} = await file.stat();
  const start = await readAt(file, 0, magic.length);
  if (start.toString('latin1') !== magic) {
    throw invalid(fileSize === 0 ? 'the file is empty' : 'it does not begin as an ar archive ("!<arch>")');
  }
  const members: ArMember[] = [];
  for (let at = magic.length; at < fileSize;) {
    signal.throwIfAborted();
    if (members.length === mostMembers) throw invalid(`it has more than ${mostMembers} members`);
    const header = (await readAt(file, at, headerSize)).toString('latin1');
    if (header.length < headerSize) throw invalid(`it ends within a member header, at byte ${at}`);
    const size = header.slice(48, 58).trimEnd();
    if (header.slice(58) !== '`\n' || !/^\d+$/.test(size)) throw invalid(`the member header at byte ${at} is damaged`);
    const name = header.slice(0, 16).trimEnd().replace(/\/$/, '');
    const offset = at + headerSize;
    if (offset + Number(size) > fileSize) {
      throw invalid(`it is cut off: ${quote(name)} should have ${size} bytes, ${fileSize - offset} are there`);
    }
    members.push({name, offset, size: Number(size)});
    at = offset + Number(size) + (Number(size) % 2);
  }
  return members;
}

/** Bytes of a member, in pieces. */
export async function* readArMember(
  file: FileHandle,
  member: ArMember,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let read = 0; read < member.size;) {
    signal.throwIfAborted();
    const piece = await readAt(file, member.offset + read, Math.min(pieceSize, member.size - read));
    if (piece.length === 0) throw invalid('it became shorter while it was read');
    read += piece.length;
    yield piece;
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const {bytesRead, buffer} = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** The message is completed by who knows the file's name. */
export function invalid(message: string, cause?: unknown): BuildError {
  return new BuildError('ARTIFACT_INVALID', message, {cause});
}
