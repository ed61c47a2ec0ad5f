import {join} from 'node:path';

/**
 * Where the store is kept unless `--root` says: `/var/lib/build-image` for root, else `$XDG_DATA_HOME/build-image`, else
 * `~/.local/share/build-image`. A relative XDG_DATA_HOME counts as unset (XDG Base Directory Specification).
 */
export function defaultStoreRoot(uid: number, environment: ReadonlyMap<string, string>, home: string): string {
  if (uid === 0) return '/var/lib/build-image';
  const data = environment.get('XDG_DATA_HOME') ?? '';
  return join(data.startsWith('/') ? data : join(home, '.local/share'), 'build-image');
}
