import {byteString} from '../snapshot/tar-entry.js';

/** A package that is installed in an image. */
export interface InstalledPackage {
  readonly name: string;
  readonly architecture: string;
  readonly version: string;
  /** Bytes, as the package says; undefined where it does not. */
  readonly installedSize: number | undefined;
  readonly section: string | undefined;
}

const status = 'var/lib/dpkg/status';
const statusDirectory = 'var/lib/dpkg/status.d/';
const infoDirectory = 'var/lib/dpkg/info/';

/** Whether a path belongs to what tells which packages are installed, and which files are theirs. */
export function isDatabase(path: string): boolean {
  if (path === status) return true;
  if (path.startsWith(infoDirectory)) return path.endsWith('.list');
  // Images without dpkg have a file for each package.
  return path.startsWith(statusDirectory) && !path.endsWith('.md5sums');
}

/** `name:architecture`, unique in an image. */
export const packageKey = ({name, architecture}: Pick<InstalledPackage, 'name' | 'architecture'>): string =>
  `${name}:${architecture}`;

/** Installed packages by `packageKey`, from the files of the database; a paragraph that is none is passed over. */
export function installedPackages(files: ReadonlyMap<string, Buffer>): ReadonlyMap<string, InstalledPackage> {
  const found = new Map<string, InstalledPackage>();
  for (const [path, content] of files) {
    if (path !== status && !path.startsWith(statusDirectory)) continue;
    const assumed = path === status ? '' : 'install ok installed';
    for (const paragraph of content.toString('utf8').split(/\n[ \t]*\n/)) {
      const fields = fieldsOf(paragraph);
      const [name, version] = [fields.get('package'), fields.get('version')];
      if (name === undefined || version === undefined) continue;
      if (!(fields.get('status') ?? assumed).endsWith(' installed')) continue;
      const size = fields.get('installed-size') ?? '';
      const one = {
        name,
        version,
        architecture: fields.get('architecture') ?? '',
        installedSize: /^\d{1,12}$/.test(size) ? Number(size) * 1024 : undefined,
        section: fields.get('section'),
      };
      found.set(packageKey(one), one);
    }
  }
  return found;
}

/** First lines of the fields, names in lower case: what is folded is of no use here. */
function fieldsOf(paragraph: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of paragraph.split('\n')) {
    const match = /^([A-Za-z][\w-]*):[ \t]*(.*)$/.exec(line);
    if (match?.[1] !== undefined) fields.set(match[1].toLowerCase(), (match[2] ?? '').trim());
  }
  return fields;
}

/**
 * Which package each path belongs to, by `packageKey`; a directory only where one package alone has it. `real` gives the
 * path behind symlinked directories: a package may list `/bin/ls` where the image has `/usr/bin/ls`.
 */
export function ownersOf(
  files: ReadonlyMap<string, Buffer>,
  packages: ReadonlyMap<string, InstalledPackage>,
  real: (path: string) => string,
): (path: string) => string | undefined {
  const byName = new Map<string, string>();
  for (const [key, {name}] of packages) byName.set(name, key);
  const keyOf = (name: string): string | undefined =>
    packages.has(name) ? name : byName.get(name.replace(/:.*$/, ''));
  const owners = new Map<string, string | undefined>();
  for (const [path, content] of files) {
    if (!path.startsWith(infoDirectory)) continue;
    const key = keyOf(path.slice(infoDirectory.length, -'.list'.length));
    if (key === undefined) continue;
    for (const line of byteString(content).split('\n')) {
      if (!line.startsWith('/') || line === '/.') continue;
      const at = real(line.slice(1));
      owners.set(at, owners.has(at) && owners.get(at) !== key ? undefined : key);
    }
  }
  return (path) => {
    const found = owners.get(path);
    if (found !== undefined || !path.startsWith(infoDirectory)) return found;
    // What dpkg keeps of a package is the package's too.
    const file = path.slice(infoDirectory.length);
    return keyOf(file.slice(0, Math.max(0, file.lastIndexOf('.'))));
  };
}
