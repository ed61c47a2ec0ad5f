import type {ImageConfig} from '../oci/config.js';

export interface ConfigChange {
  /** `Env PATH`, `Cmd`, `Labels maintainer`, `architecture`. */
  readonly name: string;
  /** Undefined: not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

const byName = ['Labels', 'ExposedPorts', 'Volumes'];

/** What differs between two image configs; times, history and layers are not part of it. */
export function configChanges(before: ImageConfig, after: ImageConfig): readonly ConfigChange[] {
  const [old, now] = [valuesOf(before), valuesOf(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  return names
    .map((name) => ({name, before: old.get(name), after: now.get(name)}))
    .filter((change) => change.before !== change.after);
}

function valuesOf(config: ImageConfig): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const key of ['os', 'architecture', 'variant', 'author'] as const) {
    const value = config[key];
    if (value !== undefined && value !== '') values.set(key, value);
  }
  for (const [key, value] of Object.entries(config.config ?? {})) {
    if (isEmpty(value)) continue;
    if (key === 'Env' && Array.isArray(value)) {
      for (const pair of value as readonly string[]) {
        const [name = '', ...rest] = pair.split('=');
        values.set(`Env ${name}`, rest.join('='));
      }
    } else if (byName.includes(key) && typeof value === 'object') {
      for (const [name, inner] of Object.entries(value as object)) {
        values.set(`${key} ${name}`, typeof inner === 'string' ? inner : '');
      }
    } else values.set(key, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return values;
}

/** What a builder leaves out and what it writes as nothing are the same. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
