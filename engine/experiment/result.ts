import type {Overrides} from './variant.js';

export interface ExpectationResult {
  readonly name: string;
  readonly holds: boolean;
  /** What was found, for a person. */
  readonly actual: string;
}

export interface VariantArtifact {
  readonly path: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly package: string | null;
  readonly version: string | null;
  readonly architecture: string | null;
}

export interface VariantStep {
  readonly name: string;
  readonly cached: boolean;
  readonly failed: boolean;
  readonly seconds: number;
}

export type VariantStatus = 'built' | 'failed' | 'timeout';

/** What `experiment --json` says of a variant; others rely on it. */
export interface VariantResult {
  readonly name: string;
  readonly slug: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly overrides: Overrides;
  readonly status: VariantStatus;
  /** Of the build, as long as it took beside the others. */
  readonly seconds: number;
  /** What it would take alone and from nothing, along the longest chain of steps; null where a step's time is not known. */
  readonly aloneSeconds: number | null;
  readonly steps: {readonly ran: number; readonly cached: number};
  /** Each step that ended, in order. */
  readonly timings: readonly VariantStep[];
  readonly image: {readonly digest: string; readonly size: number; readonly tag: string} | null;
  readonly artifacts: readonly VariantArtifact[];
  readonly expectations: readonly ExpectationResult[];
  /** Why it failed, in the words of the build. */
  readonly error: string | null;
  /** Id in the history; null where it is not kept there. */
  readonly build: string | null;
  /** Taken from an interrupted run of the same experiment. */
  readonly resumed: boolean;
}

export interface ExperimentResult {
  readonly name: string;
  readonly driver: string;
  readonly baseline: string;
  /** The axes' titles, in order. */
  readonly axes: readonly string[];
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly seconds: number;
  readonly variants: readonly VariantResult[];
  /** Variants that were not started, after a failure with --fail-fast. */
  readonly skipped: readonly string[];
}

/** A variant that the experiment was not made for: a failure nobody expects, or an expectation that does not hold. */
export function isGood({status, expectations}: Pick<VariantResult, 'status' | 'expectations'>): boolean {
  const exit = expectations.some(({name}) => name.startsWith('exit '));
  return expectations.every(({holds}) => holds) && (status === 'built' || exit);
}
