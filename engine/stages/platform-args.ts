import {formatPlatform, type Platform} from '../oci/platform.js';

const proxyNames = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];

/** `HTTP_PROXY`, `no_proxy`, …: any case (Dockerfile reference: "Predefined ARGs"). */
export function isProxyArg(name: string): boolean {
  return proxyNames.includes(name.toLowerCase());
}

const platformNames = [
  'BUILDPLATFORM',
  'BUILDOS',
  'BUILDOSVERSION',
  'BUILDARCH',
  'BUILDVARIANT',
  'TARGETPLATFORM',
  'TARGETOS',
  'TARGETOSVERSION',
  'TARGETARCH',
  'TARGETVARIANT',
  'TARGETSTAGE',
];

/** Arguments that the builder itself knows: no Dockerfile has to declare them for an override to make sense. */
export function isPredefinedArg(name: string): boolean {
  return (
    isProxyArg(name) ||
    platformNames.includes(name) ||
    name.startsWith('BUILDKIT_') ||
    name === 'SOURCE_DATE_EPOCH' ||
    name === 'BUILDX_GIT_LABELS'
  );
}

/** Arguments for the frontend alone: they reach no RUN even where a stage declares them. */
export const frontendArgs: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/**
 * The global scope before the first line (Dockerfile reference: "Automatic platform ARGs in the global scope").
 * `targetStage`: name of the target, `default` where it has none.
 */
export function platformArgs(target: Platform, build: Platform, targetStage: string): ReadonlyMap<string, string> {
  const of = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ];
  return new Map([...of('BUILD', build), ...of('TARGET', target), ['TARGETSTAGE', targetStage]]);
}
