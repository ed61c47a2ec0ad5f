import type {ImageConfig} from '../oci/config.js';
import type {Platform} from '../oci/platform.js';
import type {Origin} from './graph.js';

export type BuildArgOrigin = Extract<
  Origin,
  'build-arg' | 'build-arg-environment' | 'build-arg-file' | 'compose' | '.env'
>;

export interface BuildArg {
  readonly value: string;
  readonly origin: BuildArgOrigin;
}

/** `--env [STAGE:]NAME=value`: replaces the value of an ENV that the Dockerfile declares. */
export interface EnvOverride {
  /** Name or index; undefined: every stage that declares it. */
  readonly stage?: string | undefined;
  readonly name: string;
  readonly value: string;
}

/** Everything that `resolveStages` needs beside the Dockerfile. */
export interface ResolveOptions {
  readonly buildArgs?: ReadonlyMap<string, BuildArg> | undefined;
  readonly envOverrides?: readonly EnvOverride[] | undefined;
  /** Name of a stage (any case). Default: the last stage. */
  readonly target?: string | undefined;
  /** Every stage counts as needed: to check a whole file, as `docker build --check` without a target does. */
  readonly allStages?: boolean | undefined;
  /** Default: the build platform. */
  readonly platform?: Platform | undefined;
  /** Default: this machine's, as Linux. */
  readonly buildPlatform?: Platform | undefined;
  /** `--build-context` names. One that is a stage's or an image's name takes its place. */
  readonly namedContexts?: ReadonlySet<string> | undefined;
  /** What is known about base images, by `baseConfigKey` of the reference as the Dockerfile writes it or normalised. */
  readonly baseConfigs?: ReadonlyMap<string, ImageConfig> | undefined;
  /** `--label`: put on the target's config. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}
