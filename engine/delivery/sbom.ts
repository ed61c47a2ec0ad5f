import type {Digest} from '../oci/digest.js';
import {hexOf} from '../oci/digest.js';
import type {InstalledPackage} from './dpkg-status.js';

export interface SbomOptions {
  /** Name of the image. */
  readonly name: string;
  /** Of the image's configuration: the same image has the same document. */
  readonly digest: Digest;
  /** ISO 8601: when the image was made. */
  readonly created: string;
  /** Of build-image. */
  readonly version: string;
  /** `debian`, `ubuntu`: ID of /etc/os-release. */
  readonly vendor: string;
  /** `bookworm`. */
  readonly distribution: string | undefined;
}

/** SPDX 2.3 in JSON: the image, and the Debian packages that it contains. Pure: no clock, nothing by chance. */
export function spdxDocument(packages: readonly InstalledPackage[], options: SbomOptions): object {
  const {name, digest, created, version, vendor, distribution} = options;
  const unknown = {
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
  };
  const image = 'SPDXRef-Image';
  const entries = packages.map((each) => ({
    SPDXID: spdxId(each),
    name: each.name,
    versionInfo: each.version,
    ...(each.maintainer !== undefined && {supplier: `Organization: ${each.maintainer}`}),
    ...(each.homepage !== undefined && {homepage: each.homepage}),
    ...unknown,
    primaryPackagePurpose: 'INSTALL',
    externalRefs: [
      {
        referenceCategory: 'PACKAGE-MANAGER',
        referenceType: 'purl',
        referenceLocator: packageUrl(each, vendor, distribution),
      },
    ],
  }));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://spdx.org/spdxdocs/${encodeURIComponent(name)}-${hexOf(digest)}`,
    creationInfo: {created: created.replace(/\.\d+Z$/, 'Z'), creators: [`Tool: build-image-${version}`]},
    packages: [{SPDXID: image, name, versionInfo: digest, ...unknown, primaryPackagePurpose: 'CONTAINER'}, ...entries],
    relationships: [
      {spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: image},
      ...entries.map(({SPDXID}) => ({
        spdxElementId: image,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

/** Letters, digits, "." and "-" only (SPDX 2.3, 7.2). */
function spdxId({name, architecture}: InstalledPackage): string {
  const clean = `${name}-${architecture}`.replace(/\+/g, '-plus').replace(/[^A-Za-z0-9.-]/g, '-');
  return `SPDXRef-Package-deb-${clean}`;
}

/** purl-spec, type deb. */
function packageUrl(
  {name, version, architecture}: InstalledPackage,
  vendor: string,
  distribution: string | undefined,
): string {
  const query = new URLSearchParams({
    ...(architecture !== '' && {arch: architecture}),
    ...(distribution !== undefined && {distro: distribution}),
  }).toString();
  const path = `${encodeURIComponent(vendor)}/${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
  return `pkg:deb/${path}${query === '' ? '' : `?${query}`}`;
}
