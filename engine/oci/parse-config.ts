import {quote} from '../base/errors.js';
import type {ContainerConfig, HealthConfig, HistoryEntry, ImageConfig} from './config.js';
import {isDigest} from './digest.js';
import {
  asObject,
  defined,
  type JsonObject,
  ociInvalid,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  parseJsonObject,
} from './json.js';

/** Largest image configuration that is read, bytes. */
export const configLimit = 8 * 1024 * 1024;
const mostDiffIds = 1000;
const mostHistory = 10_000;
const mostStrings = 100_000;
const what = 'image configuration';

/**
 * Parses an untrusted image configuration (OCI image-spec, config.md, with Docker's additions); unknown keys are dropped, as
 * every builder does. Throws BuildError OCI_INVALID.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const object = parseJsonObject(what, bytes, configLimit);
  const config = optionalObject(what, object, 'config');
  const history = optionalArray(what, object, 'history', mostHistory);
  return defined<ImageConfig>({
    architecture: optionalString(what, object, 'architecture') ?? '',
    os: optionalString(what, object, 'os') ?? '',
    variant: optionalString(what, object, 'variant') || undefined,
    'os.version': optionalString(what, object, 'os.version'),
    'os.features': optionalStrings(what, object, 'os.features', 100),
    created: optionalString(what, object, 'created'),
    author: optionalString(what, object, 'author'),
    config: config === undefined ? undefined : containerConfig(config),
    rootfs: {type: 'layers', diff_ids: diffIds(object)},
    history: history?.map(historyEntry),
  });
}

function diffIds(object: JsonObject): readonly string[] {
  const rootfs = optionalObject(what, object, 'rootfs');
  if (rootfs === undefined) throw ociInvalid(what, '"rootfs" is missing');
  const type = optionalString(what, rootfs, 'type');
  if (type !== undefined && type !== 'layers') throw ociInvalid(what, `"rootfs.type" is ${quote(type)}, not "layers"`);
  const ids = optionalStrings(what, rootfs, 'diff_ids', mostDiffIds) ?? [];
  const bad = ids.find((id) => !isDigest(id));
  if (bad !== undefined) throw ociInvalid(what, `the diff ID ${quote(bad)} is not a sha256 digest`);
  return ids;
}

function containerConfig(object: JsonObject): ContainerConfig {
  const health = optionalObject(what, object, 'Healthcheck');
  return defined<ContainerConfig>({
    User: optionalString(what, object, 'User'),
    ExposedPorts: emptyObjects(object, 'ExposedPorts'),
    Env: optionalStrings(what, object, 'Env', mostStrings),
    Entrypoint: optionalStrings(what, object, 'Entrypoint', mostStrings),
    Cmd: optionalStrings(what, object, 'Cmd', mostStrings),
    Volumes: emptyObjects(object, 'Volumes'),
    WorkingDir: optionalString(what, object, 'WorkingDir'),
    Labels: optionalStringMap(what, object, 'Labels'),
    StopSignal: optionalString(what, object, 'StopSignal'),
    ArgsEscaped: optionalBoolean(what, object, 'ArgsEscaped'),
    Healthcheck: health === undefined ? undefined : healthConfig(health),
    OnBuild: optionalStrings(what, object, 'OnBuild', mostStrings),
    Shell: optionalStrings(what, object, 'Shell', mostStrings),
  });
}

/** A Go set: `{"80/tcp": {}}`; what the values hold does not matter. */
function emptyObjects(object: JsonObject, field: string): Readonly<Record<string, Record<string, never>>> | undefined {
  const set = optionalObject(what, object, field);
  return set && Object.fromEntries(Object.keys(set).map((key) => [key, {}]));
}

function healthConfig(object: JsonObject): HealthConfig {
  return defined<HealthConfig>({
    Test: optionalStrings(what, object, 'Test', mostStrings),
    Interval: optionalInteger(what, object, 'Interval'),
    Timeout: optionalInteger(what, object, 'Timeout'),
    StartPeriod: optionalInteger(what, object, 'StartPeriod'),
    StartInterval: optionalInteger(what, object, 'StartInterval'),
    Retries: optionalInteger(what, object, 'Retries'),
  });
}

function historyEntry(value: unknown, index: number): HistoryEntry {
  const object = asObject(what, `history[${index}]`, value);
  return defined<HistoryEntry>({
    created: optionalString(what, object, 'created'),
    created_by: optionalString(what, object, 'created_by'),
    author: optionalString(what, object, 'author'),
    comment: optionalString(what, object, 'comment'),
    empty_layer: optionalBoolean(what, object, 'empty_layer'),
  });
}
