import type {ContainerConfig, HealthConfig, HistoryEntry, ImageConfig} from './config.js';

/**
 * The bytes of an image configuration as BuildKit writes them: top-level keys in alphabetical order, the others in the
 * order of the specification's structures, what is empty left out, maps sorted, `<`, `>` and `&` escaped.
 */
export function renderImageConfig(config: ImageConfig): Buffer {
  const document = {
    architecture: config.architecture,
    author: text(config.author),
    config: containerConfig(config.config ?? {}),
    created: text(config.created),
    history: (config.history ?? []).map(historyEntry),
    'io.build-image.cache.v1': text(config['io.build-image.cache.v1']),
    os: config.os,
    'os.features': list(config['os.features']),
    'os.version': text(config['os.version']),
    rootfs: {type: 'layers', diff_ids: config.rootfs.diff_ids},
    variant: text(config.variant),
  };
  return Buffer.from(JSON.stringify(document).replace(/[<>&\u2028\u2029]/g, escaped));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const text = (value: string | undefined) => value || undefined;
const list = <T>(value: readonly T[] | null | undefined) =>
  value === null || value === undefined || value.length === 0 ? undefined : value;

function map<T>(value: Readonly<Record<string, T>> | undefined): Readonly<Record<string, T>> | undefined {
  const entries = Object.entries(value ?? {});
  // By bytes, as Go sorts them. A name of digits would still come first: no builder's reader minds.
  const sorted = entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return sorted.length === 0 ? undefined : Object.fromEntries(sorted);
}

function containerConfig(config: ContainerConfig): object {
  return {
    User: text(config.User),
    ExposedPorts: map(config.ExposedPorts),
    Env: list(config.Env),
    Entrypoint: list(config.Entrypoint),
    Cmd: list(config.Cmd),
    Volumes: map(config.Volumes),
    WorkingDir: text(config.WorkingDir),
    Labels: map(config.Labels),
    StopSignal: text(config.StopSignal),
    ArgsEscaped: config.ArgsEscaped === true ? true : undefined,
    Healthcheck: config.Healthcheck === undefined ? undefined : healthConfig(config.Healthcheck),
    OnBuild: list(config.OnBuild),
    Shell: list(config.Shell),
  };
}

function healthConfig(health: HealthConfig): object {
  const number = (value: number | undefined) => value || undefined;
  return {
    Test: list(health.Test),
    Interval: number(health.Interval),
    Timeout: number(health.Timeout),
    StartPeriod: number(health.StartPeriod),
    StartInterval: number(health.StartInterval),
    Retries: number(health.Retries),
  };
}

function historyEntry(entry: HistoryEntry): object {
  return {
    created: text(entry.created),
    created_by: text(entry.created_by),
    author: text(entry.author),
    comment: text(entry.comment),
    empty_layer: entry.empty_layer === true ? true : undefined,
  };
}
