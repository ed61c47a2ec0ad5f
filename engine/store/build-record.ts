import {createHash} from 'node:crypto';

export type BuildOutcome = 'done' | 'failed' | 'cancelled';

/** A value that the user gave over one of the Dockerfile: `--build-arg`, Compose, `--env`. */
export interface RecordedValue {
  readonly name: string;
  /** `***` and six hex digits, which tell another value apart, where the name looks like that of a secret. */
  readonly value: string;
  /** The origin as `stages/` names it. */
  readonly origin: string;
  /** Of `--env STAGE:NAME=VALUE`. */
  readonly stage: string | null;
}

/** One reason why a step ran. `before` and `after` are for people: shortened, secrets hidden. */
export interface Cause {
  readonly kind: CauseKind;
  /** Of the variable, flag, mount, image; path of a file; id of another step. */
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
  /** Kind `files`: what changed among the files that the step reads; at most ten are named. */
  readonly files?: ChangedFiles;
  /** A sentence, without the step: `ARG VERSION 1 -> 2`. */
  readonly text: string;
  /** What would keep more in the cache. */
  readonly advice?: string;
}

export const causeKinds = [
  ...(['files', 'arg', 'env', 'base', 'instruction', 'heredoc', 'shell', 'order', 'mount', 'flag'] as const),
  ...(['setting', 'platform', 'step', 'stage', 'image', 'no-cache', 'new', 'target', 'lost', 'failed'] as const),
  'unknown' as const,
];
export type CauseKind = (typeof causeKinds)[number];

export interface ChangedFiles {
  readonly changed: number;
  readonly total: number;
  readonly named: readonly {readonly path: string; readonly change: string}[];
}

export interface RecordedStep {
  /** Of the plan: `builder.3`; `.0` is FROM. */
  readonly id: string;
  /** What the step is, whatever ran before the Dockerfile changed: `stepKey` of its stage. */
  readonly key: string;
  /** `[builder 3/7] RUN make` */
  readonly name: string;
  /** Name of the stage, or its index. */
  readonly stage: string;
  /** 1-based line of the Dockerfile. */
  readonly line: number;
  /** Upper case. */
  readonly instruction: string;
  /** After expansion, shortened; secrets hidden. */
  readonly text: string;
  /** As it stands in the Dockerfile, with its here-documents. */
  readonly written: string;
  readonly cached: boolean;
  /** It ended with an error, or was stopped. */
  readonly failed: boolean;
  /** Seconds after the build's start. */
  readonly start: number;
  readonly seconds: number;
  /** Id of the recorded step that it starts from; null: of nothing, or of what was no step. */
  readonly parent: string | null;
  /** Ids of the recorded steps whose result it starts from or reads. */
  readonly inputs: readonly string[];
  /** Why it ran; none where it came from the cache. */
  readonly causes: readonly Cause[];
  /** Cache key: of the embedded engine, or what this tool takes for one with a daemon. Null where it never got that far. */
  readonly cacheKey: string | null;
}

export interface RecordedLayer {
  /** Id of the step that made it; null: of the base image. */
  readonly step: string | null;
  /** Digest of the uncompressed tar; null where the builder does not tell. */
  readonly diffId: string | null;
  /** Of what is in it, uncompressed; with a daemon as it counts. */
  readonly bytes: number;
}

export interface RecordedArtifact {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly package: string | null;
  readonly version: string | null;
  readonly architecture: string | null;
}

export interface BuildRecord {
  /** Sorts by time. */
  readonly id: string;
  /** ISO 8601, UTC: when it ended. */
  readonly time: string;
  readonly dockerfile: string;
  /** Name of the context's directory, or its URL. */
  readonly contextName: string;
  /** Absolute path of the context's directory, or its URL: with the Dockerfile it tells projects apart. */
  readonly place: string;
  /** Name of the target stage, or its index. */
  readonly target: string;
  readonly platform: string;
  readonly driver: string;
  readonly seconds: number;
  readonly outcome: BuildOutcome;
  /** What it failed with. */
  readonly error: {readonly code: string; readonly message: string; readonly step: string | null} | null;
  readonly args: readonly RecordedValue[];
  readonly env: readonly RecordedValue[];
  /** `--no-cache`, and the stages of `--no-cache-filter`. */
  readonly fresh: {readonly all: boolean; readonly stages: readonly string[]};
  readonly image: {readonly configDigest: string | null; readonly manifestDigest: string | null} | null;
  readonly tags: readonly string[];
  readonly artifacts: readonly RecordedArtifact[];
  /** Of the image, the lowest first; empty where the builder does not tell. */
  readonly layers: readonly RecordedLayer[];
  /** Name of what the cache keys were made of: `readFacts`. */
  readonly facts: string | null;
  /** In the order they began. Instructions that only change the image config are not there. */
  readonly steps: readonly RecordedStep[];
}

/** A build that has just ended. */
export type NewBuildRecord = Omit<BuildRecord, 'id' | 'time'>;

/**
 * Identity of a step over builds: the chain of instruction texts of its stage up to it, with the stage's name or base.
 * `previous` is the key of the step before it, undefined for the first.
 */
export function stepKey(stage: string, previous: string | undefined, text: string): string {
  return createHash('sha256')
    .update(JSON.stringify([stage, previous ?? '', text]))
    .digest('hex')
    .slice(0, 32);
}

/** What tells the builds of one project from those of others. */
export type Project = Pick<BuildRecord, 'dockerfile' | 'place'>;

/** Ten hex digits that the builds of one Dockerfile and context share. */
export function projectKey({dockerfile, place}: Project): string {
  return createHash('sha256')
    .update(JSON.stringify([dockerfile, place]))
    .digest('hex')
    .slice(0, 10);
}
