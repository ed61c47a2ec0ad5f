import {parseBytes} from '../base/amounts.js';
import {BuildError} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {Context} from './fail.js';
import {failure} from './fail.js';

export const mountTypes = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
export type MountType = (typeof mountTypes)[number];

const sharings = ['shared', 'private', 'locked'] as const;
export type MountSharing = (typeof sharings)[number];

/** The options of one `RUN --mount=…`, with the defaults that need no stage (Dockerfile reference: "RUN --mount"). */
export interface MountOptions {
  readonly type: MountType;
  /** As written: may be relative to the working directory. Undefined: none was given (ssh, secret as variable). */
  readonly target: string | undefined;
  /** Stage, image or context; undefined: the main context (bind), an empty directory (cache). */
  readonly from: string | undefined;
  /** Path in `from`; empty: its root. Not for secrets, whose `source` is their `id`. */
  readonly source: string;
  readonly readOnly: boolean;
  /** cache: undefined means the target's path. secret: always set. ssh: `default`. */
  readonly id: string | undefined;
  readonly sharing: MountSharing;
  readonly required: boolean;
  /** File mode; undefined: 0400 for a secret, 0600 for ssh, 0755 for a cache. */
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** tmpfs, bytes. */
  readonly size: number | undefined;
  /** secret: the environment variable that gets it. */
  readonly env: string | undefined;
}

const keysOf: Readonly<Record<MountType, readonly string[]>> = {
  bind: ['type', 'from', 'source', 'target', 'readonly', 'readwrite'],
  cache: ['type', 'id', 'from', 'source', 'target', 'readonly', 'readwrite', 'sharing', 'mode', 'uid', 'gid'],
  tmpfs: ['type', 'target', 'size'],
  secret: ['type', 'id', 'source', 'target', 'env', 'required', 'mode', 'uid', 'gid'],
  ssh: ['type', 'id', 'target', 'required', 'mode', 'uid', 'gid'],
};
const aliases: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
};
const allKeys = [
  ...['type', 'from', 'source', 'src', 'target', 'dst', 'destination', 'readonly', 'ro', 'readwrite', 'rw'],
  ...['id', 'sharing', 'required', 'size', 'mode', 'uid', 'gid', 'env'],
];
const switches = new Set(['readonly', 'readwrite', 'required']);

/** Go's `strconv.ParseBool`. */
export function parseSwitch(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}

function parseNumber(text: string, base: 8 | 10): number | undefined {
  const digits = base === 8 ? /^[0-7]+$/ : /^\d+$/;
  const value = digits.test(text) ? Number.parseInt(text, base) : Infinity;
  return value < 2 ** 32 ? value : undefined;
}

/** Fields of one CSV record; a field may stand in double quotes, `""` is a quote in it. */
export function csvFields(text: string): string[] | undefined {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\n\r]*))(,|$)/y;
  while (field.lastIndex <= text.length) {
    const match = field.exec(text);
    if (match === null) return undefined;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') break;
  }
  return fields;
}

export interface ParseMountOptions {
  /** Expands one option's value; without it values with `$` are taken as they stand and not checked. */
  readonly expand?: (value: string) => string;
  /** Gives errors their place. */
  readonly context?: Context;
}

/**
 * Reads the text of `--mount=…`. The text is split at its commas first and each value expanded by itself, as the published
 * frontend does, so a comma in a variable does not make a new option. Throws BuildError DOCKERFILE_FLAG.
 */
export function parseMount(text: string, options: ParseMountOptions = {}): MountOptions {
  const {context} = options;
  const fail = (message: string, token?: string, remedy?: string): BuildError =>
    context === undefined
      ? new BuildError('DOCKERFILE_FLAG', message, remedy === undefined ? {} : {remedy})
      : failure(context, 'DOCKERFILE_FLAG', message, {token, remedy});

  const fields = csvFields(text);
  if (fields === undefined) throw fail(`--mount has a quote in the wrong place: ${text}`, text);

  const values = new Map<string, string>();
  const written = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf('=');
    const name = field.slice(0, equals === -1 ? undefined : equals).toLowerCase();
    const key = Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name;
    if (!allKeys.includes(name)) {
      throw fail(
        `--mount has no option "${name}"${didYouMean(name, allKeys)}`,
        field,
        `The options are ${allKeys.filter((each) => !Object.hasOwn(aliases, each)).join(', ')}.`,
      );
    }
    if (equals === -1 && !switches.has(key)) throw fail(`--mount option "${name}" lacks its value`, field);
    const raw = equals === -1 ? 'true' : field.slice(equals + 1);
    if (key === 'from' && /\$./s.test(raw)) {
      throw fail(
        '--mount from= takes no variables',
        field,
        'Name a stage with FROM $VARIABLE AS name, and mount from that name.',
      );
    }
    values.set(key, options.expand === undefined || equals === -1 ? raw : options.expand(raw));
    written.set(key, field);
  }
  return interpret(values, {
    fail: (message, key, remedy) => fail(message, key === undefined ? text : (written.get(key) ?? text), remedy),
    // Not yet expanded: what the value will be is not known.
    open: (value) => options.expand === undefined && value.includes('$'),
  });
}

interface Reader {
  readonly fail: (message: string, key?: string, remedy?: string) => BuildError;
  readonly open: (value: string) => boolean;
}

function interpret(values: ReadonlyMap<string, string>, {fail, open}: Reader): MountOptions {
  const read = <T>(key: string, parse: (text: string) => T | undefined, expected: string): T | undefined => {
    const value = values.get(key);
    if (value === undefined || open(value)) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) throw fail(`--mount option "${key}" takes ${expected}, not "${value}"`, key);
    return parsed;
  };
  const oneOf =
    <T extends string>(known: readonly T[]) =>
    (text: string) =>
      known.find((each) => each === text.toLowerCase());

  const typeText = values.get('type');
  const type = typeText === undefined || open(typeText) ? 'bind' : oneOf(mountTypes)(typeText);
  if (type === undefined) {
    const near = didYouMean(typeText ?? '', mountTypes);
    throw fail(`unsupported mount type "${typeText ?? ''}"${near}`, 'type', `The types are ${mountTypes.join(', ')}.`);
  }
  if (typeText === undefined || !open(typeText)) {
    for (const key of values.keys()) {
      // Read-only and read-write are taken, and mean nothing, on every type; from, source and id likewise where unused.
      const harmless = key === 'readonly' || key === 'readwrite' || key === 'id' || key === 'env';
      const moreHarmless = (key === 'from' && type !== 'secret') || key === 'source';
      if (keysOf[type].includes(key) || harmless || moreHarmless) continue;
      throw fail(
        `--mount option "${key}" is not for type ${type}`,
        key,
        `The options of type ${type} are ${keysOf[type].join(', ')}.`,
      );
    }
  }

  const text = (key: string): string | undefined => values.get(key) || undefined;
  const readOnly = read('readonly', parseSwitch, 'true or false');
  const readWrite = read('readwrite', parseSwitch, 'true or false');
  const last = [...values.keys()].filter((key) => key === 'readonly' || key === 'readwrite').at(-1);
  const chosen = last === 'readwrite' ? readWrite === false : readOnly;
  const target = text('target');
  const env = text('env');
  const named = text('id') ?? (type === 'secret' ? text('source') : undefined);

  if (type === 'secret') {
    if (text('source') !== undefined && text('id') !== undefined) {
      throw fail('a secret mount takes source or id, not both', 'source');
    }
    if (named === undefined && target === undefined) {
      throw fail('a secret mount needs an id or a target', undefined, 'For example: --mount=type=secret,id=token');
    }
  }
  if (type === 'tmpfs' && !/^[./]*$/.test(text('source') ?? '')) {
    throw fail('a tmpfs begins empty, so it has no source', 'source');
  }
  const id = named ?? (type === 'secret' ? baseName(target ?? '') : type === 'ssh' ? 'default' : undefined);
  const asFile = type === 'secret' && env === undefined ? `/run/secrets/${baseName(id ?? '')}` : undefined;
  return {
    type,
    target: target ?? asFile,
    from: text('from'),
    source: type === 'secret' ? '' : (text('source') ?? ''),
    readOnly: chosen ?? (type !== 'cache' && type !== 'tmpfs'),
    id,
    sharing: read('sharing', oneOf(sharings), 'shared, private or locked') ?? 'shared',
    required: read('required', parseSwitch, 'true or false') ?? false,
    mode: read('mode', (value) => parseNumber(value, 8), 'an octal mode'),
    uid: read('uid', (value) => parseNumber(value, 10), 'a number'),
    gid: read('gid', (value) => parseNumber(value, 10), 'a number'),
    size: read('size', parseBytes, 'a size such as 64m'),
    env,
  };
}

function baseName(path: string): string {
  return path.replace(/\/+$/, '').replace(/^.*\//s, '');
}
