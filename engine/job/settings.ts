import type {NamedContext, Output, SecretSource} from '../drivers/driver.js';
import type {BuildArgOrigin} from '../stages/options.js';

/** One value for an ARG, and where the user gave it. */
export interface BuildArgument {
  readonly name: string;
  readonly value: string;
  readonly origin: BuildArgOrigin;
}

/** `--env [STAGE:]NAME=VALUE`. */
export interface EnvOverride {
  readonly stage: string | undefined;
  readonly name: string;
  readonly value: string;
}

/** Which Dockerfile; `path` is absolute or relative to `JobSettings.directory`. */
export type DockerfileSource =
  | {readonly kind: 'path'; readonly path: string}
  | {readonly kind: 'stdin'}
  | {readonly kind: 'inline'; readonly text: string; readonly file: string}
  /** `docker/Dockerfile`, else `Dockerfile`, in the context. */
  | {readonly kind: 'default'};

/** A named context before it is opened: directories are opened with the job. */
export type NamedContextSpec =
  {readonly kind: 'directory'; readonly path: string} | Exclude<NamedContext, {readonly kind: 'directory'}>;

/** `--artifact [STAGE:]GLOB`, as given. */
export type ArtifactPatternText = string;

/** One run, wholly described: what flags, Compose and the environment resolved to. */
export interface JobSettings {
  /** Absolute; what relative paths are relative to. */
  readonly directory: string;
  /** A path, `-`, or a URL. */
  readonly context: string;
  readonly dockerfile: DockerfileSource;
  readonly target: string | undefined;
  readonly platform: string | undefined;
  readonly buildArgs: readonly BuildArgument[];
  readonly envOverrides: readonly EnvOverride[];
  readonly contexts: ReadonlyMap<string, NamedContextSpec>;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  readonly ssh: ReadonlyMap<string, {readonly socket: string} | {readonly keys: readonly string[]}>;
  readonly extraHosts: readonly string[];
  readonly network: 'default' | 'none' | 'host';
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly pull: boolean;
  readonly outputs: readonly Output[];
  readonly shmSize: number | undefined;
  readonly ulimits: readonly string[];
  readonly jobs: number | undefined;
  /** Milliseconds. */
  readonly stepTimeout: number | undefined;
  readonly artifacts: readonly ArtifactPatternText[];
  readonly artifactsDirectory: string;
  /** False: `--no-artifacts`, or an experiment that wants none. */
  readonly wantArtifacts: boolean;
}
