import type {SourceRange} from '../base/errors.js';
import type {Device, FileTransfer, Statement, StatementOf, Warning} from '../dockerfile/ast.js';
import type {ContainerConfig} from '../oci/config.js';
import type {Platform} from '../oci/platform.js';

/** Where a value came from. */
export type Origin =
  /** `ARG NAME=value` of the stage, or of the global scope before the first FROM. */
  | 'default'
  | 'global-default'
  /** `--build-arg NAME=value`; the environment, by `--build-arg NAME` or by Compose; `--build-arg-file`; Compose `build.args`. */
  | 'build-arg'
  | 'build-arg-environment'
  | 'build-arg-file'
  | 'compose'
  /** A value that Compose took from `.env`. */
  | '.env'
  /** `ENV` of the Dockerfile, and `--env` over it. */
  | 'env'
  | 'env-override'
  | 'base-image'
  /** `TARGETARCH` and the like; `HTTP_PROXY` and the like. */
  | 'platform'
  | 'predefined'
  /** Declared without any value. */
  | 'unset';

export interface Binding {
  readonly name: string;
  /** Undefined: declared without a value. */
  readonly value: string | undefined;
  readonly origin: Origin;
  /** Line of the declaration; 0 where it is in no Dockerfile line. */
  readonly line: number;
}

export type StageBase =
  | {readonly kind: 'scratch'}
  | {readonly kind: 'stage'; readonly index: number}
  /** As expanded (`debian:bookworm`), not yet normalised. */
  | {readonly kind: 'image'; readonly reference: string}
  /** Named context. */
  | {readonly kind: 'context'; readonly name: string};

/** Where COPY --from, ADD and RUN --mount read from. */
export type Source =
  {readonly kind: 'main-context'} | Exclude<StageBase, {kind: 'scratch'}> | {readonly kind: 'scratch'};

export interface Mount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  /** Absolute path in the container; undefined for a secret that only sets an environment variable. */
  readonly target: string | undefined;
  /** bind and cache: what is mounted, and the path in it. */
  readonly from: Source | undefined;
  readonly source: string;
  readonly readOnly: boolean;
  /** cache, secret, ssh. */
  readonly id: string | undefined;
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly required: boolean;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** tmpfs, bytes. */
  readonly size: number | undefined;
  /** secret as environment variable. */
  readonly env: string | undefined;
}

/** What a step does, every string expanded. */
export type Operation =
  | {
      readonly kind: 'run';
      /** What is executed: the shell's words and the command, or the JSON form. */
      readonly argv: readonly string[];
      /** Shell form: the text for the shell, here-documents in it. JSON form: its words, joined by a space. */
      readonly command: string;
      readonly shellForm: boolean;
      /** `RUN <<EOF` with `#!`: an executable `/dev/pipes/<name>` (mode 0755), mounted read-only, which argv runs. */
      readonly script: {readonly name: string; readonly content: string} | undefined;
      readonly mounts: readonly Mount[];
      readonly network: 'default' | 'none' | 'host';
      readonly security: 'sandbox' | 'insecure';
      readonly devices: readonly Device[];
    }
  /** `sources` as expanded, without the here-documents; `destination` absolute, with its final slash. */
  | ({
      readonly kind: 'copy' | 'add';
      readonly source: Source;
      /** Sources that are here-documents: file name and final content. */
      readonly files: readonly {readonly name: string; readonly content: string}[];
      readonly checksum: string | undefined;
      readonly keepGitDir: boolean;
      readonly unpack: boolean | undefined;
    } & Omit<FileTransfer, 'from'>)
  /** Absolute and clean, but for the root as written; the directory is made where it is missing. */
  | {readonly kind: 'workdir'; readonly path: string}
  /** Changes the image config only. */
  | {readonly kind: 'config'};

export interface StageStep {
  /** `builder.3`: the stage and the instruction's place in it (FROM is 0); the same as long as the stage is not edited. */
  readonly id: string;
  readonly statement: Statement;
  /** An `ONBUILD` trigger of the base, run in this stage; its line is FROM's. */
  readonly trigger: boolean;
  readonly operation: Operation;
  readonly line: number;
  readonly range: SourceRange;
  /** The instruction after expansion, on one line; here-documents below it. */
  readonly text: string;
  /** `[builder 3/7] RUN make`: as BuildKit names it. An instruction that only changes the config has no number. */
  readonly name: string;
  /**
   * The environment of a RUN (empty for other instructions): ENVs and ARGs with a value. Of an ENV and an ARG of one name in one stage the later line
   * wins here, as in BuildKit; the image keeps the ENV. Not the proxy variables: `StageGraph.proxy`.
   */
  readonly env: readonly Binding[];
  /** ARGs declared up to this RUN, with the values RUN sees (for RUN's key and history: `|2 A=1 B=`). */
  readonly args: readonly Binding[];
  /** What the step reads besides the step before it: COPY --from and the mounts of RUN. */
  readonly reads: readonly Source[];
  /** Image config after the step. */
  readonly config: ContainerConfig;
  /** `created_by` of the image's history, as BuildKit writes it; undefined for ONBUILD, which leaves no entry. */
  readonly createdBy: string | undefined;
}

export interface Stage {
  readonly index: number;
  /** Lower case, as BuildKit compares; undefined where FROM gives none. */
  readonly name: string | undefined;
  /** The name, or the index of a stage that has none or shares its name with a later one: unique, for people and step ids. */
  readonly label: string;
  readonly base: StageBase;
  /** The base image's config is known (or there is no base image): its variables are in the scopes. */
  readonly baseKnown: boolean;
  readonly statement: StatementOf<'from'>;
  /** `builder.0`. */
  readonly fromId: string;
  /** `FROM debian:bookworm AS builder`: after expansion. */
  readonly fromText: string;
  /** `[builder 1/7] FROM docker.io/library/debian:bookworm`; undefined where FROM makes no step (a stage, scratch). */
  readonly fromName: string | undefined;
  readonly platform: Platform;
  /** FROM's line. */
  readonly line: number;
  /** The target needs it. */
  readonly reachable: boolean;
  readonly steps: readonly StageStep[];
  /** ENV at the end of the stage. */
  readonly env: ReadonlyMap<string, Binding>;
  /** Absolute and clean; `config.WorkingDir` may be neither. */
  readonly workdir: string;
  readonly user: string;
  readonly config: ContainerConfig;
  /** `MAINTAINER`. */
  readonly author: string | undefined;
  /** Indexes of the stages it reads: base, COPY --from, mounts; ascending. */
  readonly needs: readonly number[];
}

/** One row for the user: an ARG as some scope sees it. */
export interface ArgReport extends Binding {
  /** Name or index of the stage; null for the global scope. */
  readonly stage: string | null;
  readonly used: boolean;
}

export interface StageGraph {
  readonly stages: readonly Stage[];
  /** Index of the target stage. */
  readonly target: number;
  readonly platform: Platform;
  /** Every external image, in order of first use, without duplicates. */
  readonly images: readonly string[];
  readonly args: readonly ArgReport[];
  /** `HTTP_PROXY` and the like, given as build arguments: in every RUN's environment, in no key, history or image. */
  readonly proxy: readonly Binding[];
  readonly warnings: readonly Warning[];
}
