import {open, type FileHandle} from 'node:fs/promises';
import {basename} from 'node:path';
import {BuildError, quote} from '../base/errors.js';
import {invalid, readArMember, readArMembers, type ArMember} from './ar.js';
import {descriptionOf, parseControl, relationsOf, type ControlFields} from './control.js';
import {isDebianVersion} from './deb-version.js';
import {compressionOf, decompress} from './decompress.js';
import {readTar} from '../base/tar-entries.js';

const mostControl = 16 * 1024 * 1024;
const mostControlFile = 1024 * 1024;
const mostData = 64 * 1024 ** 3;

/** What a binary package says of itself. */
export interface DebPackage {
  readonly package: string;
  readonly version: string;
  readonly architecture: string;
  readonly maintainer: string | undefined;
  /** First line of the description. */
  readonly synopsis: string;
  readonly description: string;
  /** Bytes, estimated by who made the package. */
  readonly installedSize: number | undefined;
  readonly depends: readonly string[];
  readonly preDepends: readonly string[];
  readonly recommends: readonly string[];
  readonly conflicts: readonly string[];
  readonly provides: readonly string[];
  /** All fields, names in lower case. */
  readonly fields: ControlFields;
}

export interface DebFile {
  /** Without a leading `./`. */
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly link: string | undefined;
}

/**
 * Control fields of a .deb. `label` names the file in errors. Throws BuildError ARTIFACT_INVALID that says what is wrong;
 * of a hostile file no more than 16 MiB are unpacked. The data is not unpacked.
 */
export async function readDeb(path: string, signal: AbortSignal, label = basename(path)): Promise<DebPackage> {
  return inDeb(path, label, signal, async (file, members) => {
    const control = memberOf(members, 'control.tar');
    memberOf(members, 'data.tar');
    const text = await controlText(unpack(file, control, mostControl, signal), signal);
    return packageOf(parseControl(text, `${label}: control`), text, label);
  });
}

/** The files that a .deb installs. */
export async function listDeb(path: string, signal: AbortSignal, label = basename(path)): Promise<readonly DebFile[]> {
  return inDeb(path, label, signal, async (file, members) => {
    const files: DebFile[] = [];
    for await (const {header} of readTar(unpack(file, memberOf(members, 'data.tar'), mostData, signal), signal)) {
      files.push({
        path: header.name.replace(/^(?:\.?\/)+/, ''),
        type: header.type,
        size: header.size,
        mode: header.mode,
        link: header.type === 'symlink' || header.type === 'link' ? header.linkname : undefined,
      });
    }
    return files;
  });
}

async function inDeb<T>(
  path: string,
  label: string,
  signal: AbortSignal,
  use: (file: FileHandle, members: readonly ArMember[]) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const file = await open(path, 'r');
  try {
    const members = await readArMembers(file, signal);
    await checkFormat(file, members, signal);
    return await use(file, members);
  } catch (error) {
    if (!(error instanceof BuildError) || !['ARTIFACT_INVALID', 'ARCHIVE_INVALID'].includes(error.code)) throw error;
    // Errors in the control file carry its name already.
    const message =
      error.details.file === undefined ? `${label} is no Debian package: ${error.message}` : error.message;
    throw new BuildError('ARTIFACT_INVALID', message, {
      remedy: 'Look at the step that makes the package; "dpkg-deb --info" shows the same file.',
      ...error.details,
      cause: error,
    });
  } finally {
    await file.close();
  }
}

async function checkFormat(file: FileHandle, members: readonly ArMember[], signal: AbortSignal): Promise<void> {
  const [first] = members;
  if (first?.name !== 'debian-binary') {
    throw invalid(`its first member is ${first === undefined ? 'missing' : quote(first.name)}, not "debian-binary"`);
  }
  if (first.size > 1024) throw invalid('its member "debian-binary" is too large');
  const pieces: Uint8Array[] = [];
  for await (const piece of readArMember(file, first, signal)) pieces.push(piece);
  const version = Buffer.concat(pieces).toString('latin1').split('\n')[0] ?? '';
  if (!/^2\.\d+$/.test(version)) throw invalid(`its format version is ${quote(version)}, not 2.x`);
}

/** `control.tar.xz` for `control.tar`. */
function memberOf(members: readonly ArMember[], name: string): ArMember {
  const member = members.find((candidate) => candidate.name === name || candidate.name.startsWith(`${name}.`));
  if (member === undefined) {
    throw invalid(`it has no member "${name}", only ${members.map((one) => quote(one.name)).join(', ')}`);
  }
  return member;
}

function unpack(file: FileHandle, member: ArMember, limit: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const compression = compressionOf(member.name);
  if (compression === undefined) {
    throw new BuildError('ARTIFACT_INVALID', `the compression of ${quote(member.name)} is not known`, {
      remedy: 'Build the package with gzip, xz, zstd or no compression.',
    });
  }
  return decompress(readArMember(file, member, signal), compression, limit);
}

async function controlText(tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string> {
  const names: string[] = [];
  let found: string | undefined;
  // To the end: an archive that is cut off after the file is damaged all the same.
  for await (const {header, content} of readTar(tar, signal)) {
    if (!/^(?:\.\/)?control$/.test(header.name)) {
      if (names.length < 20) names.push(header.name);
      continue;
    }
    if (header.type !== 'file' || header.size > mostControlFile) throw invalid('its control file is not a small file');
    const pieces: Uint8Array[] = [];
    for await (const piece of content()) pieces.push(piece);
    found ??= Buffer.concat(pieces).toString('utf8');
  }
  if (found !== undefined) return found;
  throw invalid(`its control archive has no file "control"${names.length === 0 ? '' : `, only ${names.join(', ')}`}`);
}

function packageOf(fields: ControlFields, source: string, label: string): DebPackage {
  const field = (name: string, valid: (value: string) => boolean): string => {
    const value = fields.get(name.toLowerCase());
    if (value !== undefined && valid(value)) return value;
    const what = value === undefined ? `it has no field ${name}` : `${quote(value)} is not a valid ${name}`;
    const line = source.split('\n').findIndex((text) => text.toLowerCase().startsWith(`${name.toLowerCase()}:`)) + 1;
    const at = line === 0 ? {} : {source, range: {start: line, end: line}};
    throw new BuildError('ARTIFACT_INVALID', what, {file: `${label}: control`, ...at});
  };
  const size = fields.get('installed-size');
  const {synopsis, extended} = descriptionOf(fields);
  return {
    package: field('Package', (value) => /^[A-Za-z0-9][A-Za-z0-9+.-]*$/.test(value)),
    version: field('Version', isDebianVersion),
    architecture: field('Architecture', (value) => /^[a-z0-9][a-z0-9-]*$/.test(value)),
    maintainer: fields.get('maintainer'),
    synopsis,
    description: extended,
    installedSize: size !== undefined && /^\d{1,12}$/.test(size) ? Number(size) * 1024 : undefined,
    depends: relationsOf(fields, 'depends'),
    preDepends: relationsOf(fields, 'pre-depends'),
    recommends: relationsOf(fields, 'recommends'),
    conflicts: relationsOf(fields, 'conflicts'),
    provides: relationsOf(fields, 'provides'),
    fields,
  };
}
