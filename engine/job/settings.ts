import type {BuildRequest, NamedContext} from '../drivers/driver.js';
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

/** What a driver is told as the user said it. */
type Passed = Pick<
  BuildRequest,
  | 'tags'
  | 'labels'
  | 'secrets'
  | 'ssh'
  | 'extraHosts'
  | 'network'
  | 'noCache'
  | 'noCacheFilter'
  | 'cacheFrom'
  | 'cacheTo'
  | 'pull'
  | 'outputs'
  | 'shmSize'
  | 'ulimits'
  | 'jobs'
  | 'stepTimeout'
>;

/** One run, wholly described: what flags, Compose and the environment resolved to. */
export interface JobSettings extends Passed {
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
  readonly artifacts: readonly ArtifactPatternText[];
  readonly artifactsDirectory: string;
  /** False: `--no-artifacts`, or an experiment that wants none. */
  readonly wantArtifacts: boolean;
}
