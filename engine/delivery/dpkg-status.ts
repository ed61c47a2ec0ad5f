/** A package that is installed in an image, as dpkg's status file has it. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** `Name <address>`. */
  readonly maintainer: string | undefined;
  readonly homepage: string | undefined;
}

/**
 * The installed packages of a status file, in the order of their names; stanzas that are no whole package are left out
 * (deb-control(5); "Status" of dpkg). Files of `status.d`, which have no status field, count as installed.
 */
export function parseDpkgStatus(text: string): readonly InstalledPackage[] {
  const packages = text.split(/\n\s*\n/).flatMap((stanza): readonly InstalledPackage[] => {
    const fields = new Map<string, string>();
    // Lines that begin with a space go on with the field above: none of the fields here has any.
    for (const [, name = '', value = ''] of stanza.matchAll(/^([A-Za-z][\w-]*):[ \t]*(.*?)\s*$/gm)) {
      if (!fields.has(name.toLowerCase())) fields.set(name.toLowerCase(), value);
    }
    const [name = '', version = '', architecture = ''] = ['package', 'version', 'architecture'].map((key) =>
      fields.get(key),
    );
    const status = fields.get('status');
    const installed = status === undefined || /(?:^|\s)installed$/.test(status);
    if (name === '' || version === '' || !installed) return [];
    return [{name, version, architecture, maintainer: fields.get('maintainer'), homepage: fields.get('homepage')}];
  });
  const key = ({name, architecture}: InstalledPackage): string => `${name} ${architecture}`;
  return packages.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
