import type {HistoryEntry, ImageConfig} from '../../../engine/oci/config.js';

/** What two builders have to agree on of an image's config: all of it, but times and digests of layers. */
export function imageFacts(config: ImageConfig): unknown {
  const {history = [], rootfs, config: container = {}, ...rest} = config;
  const facts = {
    ...rest,
    created: undefined,
    config: withoutEmpty(container),
    layers: rootfs.diff_ids.length,
    history: history.map(withoutTime),
  };
  return sorted(JSON.parse(JSON.stringify(facts)));
}

/** What is empty is the same as what is not there, except an empty entry point or command. */
function withoutEmpty(container: NonNullable<ImageConfig['config']>): unknown {
  const entries = Object.entries(container as Readonly<Record<string, unknown>>);
  return Object.fromEntries(
    entries.filter(([, value]) => value !== null && value !== '' && value !== false && JSON.stringify(value) !== '{}'),
  );
}

/** Digests in it name what differs from machine to machine; the ports of EXPOSE were sorted by frontends up to 1.19. */
function withoutTime({created_by: by, ...rest}: HistoryEntry): unknown {
  const ports = by?.replace(/^EXPOSE \[(.*)\]$/, (_, list: string) => `EXPOSE [${list.split(' ').sort().join(' ')}]`);
  return {...rest, created: undefined, created_by: ports?.replace(/sha256:[0-9a-f]{64}/g, 'sha256:…')};
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, each]) => [name, sorted(each)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
