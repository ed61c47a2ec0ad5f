import {BuildError, messageOf, quote} from '../base/errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export function ociInvalid(what: string, why: string, cause?: unknown): BuildError {
  return new BuildError('OCI_INVALID', `invalid ${what}: ${why}`, cause === undefined ? {} : {cause});
}

/** Bytes of untrusted JSON to an object. Throws BuildError OCI_INVALID where it is over `limit` bytes or no object. */
export function parseJsonObject(what: string, bytes: Uint8Array | string, limit: number): JsonObject {
  if (bytes.length > limit) throw ociInvalid(what, `${bytes.length} bytes are more than the ${limit} that are read`);
  const text = typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw ociInvalid(what, `not JSON: ${messageOf(error)}`, error);
  }
  return asObject(what, 'the document', value);
}

export function asObject(what: string, field: string, value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what, field, 'an object', value);
  return value as JsonObject;
}

/** Undefined for a field that is absent or null, as Go's decoder treats them. */
function present(object: JsonObject, field: string): unknown {
  // Own properties only: `__proto__` and `constructor` are names like any other here.
  const value = Object.hasOwn(object, field) ? object[field] : undefined;
  return value === null ? undefined : value;
}

export function optionalString(what: string, object: JsonObject, field: string): string | undefined {
  const value = present(object, field);
  if (value !== undefined && typeof value !== 'string') throw wrong(what, field, 'a string', value);
  return value;
}

export function requiredString(what: string, object: JsonObject, field: string): string {
  const value = optionalString(what, object, field);
  if (value === undefined || value === '') throw ociInvalid(what, `${quote(field)} is missing`);
  return value;
}

export function optionalBoolean(what: string, object: JsonObject, field: string): boolean | undefined {
  const value = present(object, field);
  if (value !== undefined && typeof value !== 'boolean') throw wrong(what, field, 'true or false', value);
  return value;
}

/** A safe integer. */
export function optionalInteger(what: string, object: JsonObject, field: string): number | undefined {
  const value = present(object, field);
  if (value !== undefined && !Number.isSafeInteger(value)) throw wrong(what, field, 'a whole number', value);
  return value as number | undefined;
}

export function optionalObject(what: string, object: JsonObject, field: string): JsonObject | undefined {
  const value = present(object, field);
  return value === undefined ? undefined : asObject(what, field, value);
}

export function optionalArray(
  what: string,
  object: JsonObject,
  field: string,
  most: number,
): readonly unknown[] | undefined {
  const value = present(object, field);
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw wrong(what, field, 'a list', value);
  if (value.length > most) throw ociInvalid(what, `${quote(field)} has ${value.length} items, more than ${most}`);
  return value as readonly unknown[];
}

export function optionalStrings(
  what: string,
  object: JsonObject,
  field: string,
  most: number,
): readonly string[] | undefined {
  const items = optionalArray(what, object, field, most);
  return items?.map((item) => {
    if (typeof item !== 'string') throw wrong(what, field, 'a list of strings', item);
    return item;
  });
}

export function optionalStringMap(
  what: string,
  object: JsonObject,
  field: string,
): Readonly<Record<string, string>> | undefined {
  const map = optionalObject(what, object, field);
  if (map === undefined) return undefined;
  const out = Object.entries(map).map(([key, value]): [string, string] => {
    if (value !== null && typeof value !== 'string') throw wrong(what, `${field}.${key}`, 'a string', value);
    return [key, value ?? ''];
  });
  // fromEntries defines properties, so that a key "__proto__" stays data.
  return Object.fromEntries(out);
}

/** Lists and objects are not shown: they may be as deep as the document is long. */
function described(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : quote(JSON.stringify(value));
}

function wrong(what: string, field: string, expected: string, value: unknown): BuildError {
  return ociInvalid(
    what,
    `${quote(field)} is ${value === undefined ? 'missing' : described(value)} instead of ${expected}`,
  );
}

/** The fields that are not undefined: optional properties stay absent. */
export function defined<T extends object>(fields: {[K in keyof T]: T[K] | undefined}): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
