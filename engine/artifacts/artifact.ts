import {basename} from 'node:path';
import {quote} from '../base/errors.js';
import {formatPlatform, type Platform} from '../oci/platform.js';
import {formatBytes} from '../base/format-bytes.js';
import type {DebPackage} from './deb.js';

/** A file that was taken out of a stage. */
export interface Artifact {
  /** Below the artifacts directory as that was given. */
  readonly path: string;
  /** Name of the stage, or its index where it has none. */
  readonly stage: string;
  /** Absolute path in the stage. */
  readonly source: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** Null in what is no Debian package. */
  readonly package: string | null;
  readonly version: string | null;
  readonly architecture: string | null;
  /** In the stage it is a link to a file that is an artifact itself: the path of that one. */
  readonly linkTo: string | null;
  /** False: the file was there already with the same content. */
  readonly written: boolean;
}

/** `artifacts/portal_1.0_amd64.deb  portal 1.0 amd64  12.3 kB  sha256:…`. */
export function formatArtifact(artifact: Artifact): string {
  const {path, size, sha256} = artifact;
  const named = [artifact.package, artifact.version, artifact.architecture].filter((part) => part !== null);
  const parts = [path, ...(named.length > 0 ? [named.join(' ')] : []), formatBytes(size), `sha256:${sha256}`];
  return parts.map((part) => (/[^ -~\u00a1-\uffff]/.test(part) ? quote(part) : part)).join('  ');
}

/** What is odd about a package, in one sentence each. `name` is the name of its file. */
export function packageWarnings(name: string, deb: DebPackage, platform: Platform | undefined): readonly string[] {
  const warnings: string[] = [];
  const file = basename(name);
  const expected = packageFileNames(deb);
  if (!expected.includes(file)) {
    warnings.push(
      `${file} holds ${deb.package} ${deb.version} ${deb.architecture}: it would be called ${expected[0] ?? ''}`,
    );
  }
  const wanted = platform === undefined ? undefined : debianArchitecture(platform);
  if (platform !== undefined && wanted !== undefined && deb.architecture !== 'all' && deb.architecture !== wanted) {
    warnings.push(
      `${file} is for ${deb.architecture}, but the build is for ${formatPlatform(platform)} (${wanted} in Debian)`,
    );
  }
  return warnings;
}

/** File names without the epoch, as dpkg-deb gives them, and with it encoded, as apt does; the usual first. */
function packageFileNames(deb: DebPackage): readonly string[] {
  const plain = deb.version.replace(/^\d+:/, '');
  const versions = [plain, deb.version.replaceAll(':', '%3a'), deb.version];
  return versions.map((version) => `${deb.package}_${version}_${deb.architecture}.deb`);
}

/** Debian's word for the architecture of a platform; undefined for one that Debian does not know. */
export function debianArchitecture(platform: Platform): string | undefined {
  if (platform.architecture === 'arm') return platform.variant === 'v7' ? 'armhf' : 'armel';
  const names: Readonly<Record<string, string>> = {
    amd64: 'amd64',
    '386': 'i386',
    arm64: 'arm64',
    ppc64le: 'ppc64el',
    ppc64: 'ppc64',
    s390x: 's390x',
    riscv64: 'riscv64',
    mips64le: 'mips64el',
    loong64: 'loong64',
  };
  return names[platform.architecture];
}
