import {createHash} from 'node:crypto';

export type BuildOutcome = 'done' | 'failed' | 'cancelled';

/** An argument of a past build. Values are not kept: some are secrets, and none is needed to explain a build. */
export interface RecordedArg {
  readonly name: string;
  /** The origin as `stages/` names it. */
  readonly origin: string;
}

export interface RecordedStep {
  /** What the step is, whatever ran before the Dockerfile changed: `stepKey` of its stage. */
  readonly key: string;
  readonly name: string;
  /** 1-based line of the Dockerfile; undefined where it has none. */
  readonly line: number | undefined;
  readonly cached: boolean;
  readonly seconds: number;
}

export interface BuildRecord {
  /** Sorts by time. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly dockerfile: string;
  /** Name of the context's directory, or its URL. */
  readonly contextName: string;
  readonly target: string | undefined;
  readonly driver: string;
  readonly seconds: number;
  readonly outcome: BuildOutcome;
  readonly args: readonly RecordedArg[];
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

/** Ten hex digits that the builds of one Dockerfile and context share. */
export function projectKey(record: Pick<BuildRecord, 'dockerfile' | 'contextName'>): string {
  return createHash('sha256')
    .update(JSON.stringify([record.dockerfile, record.contextName]))
    .digest('hex')
    .slice(0, 10);
}

/** The record in a file's text, or undefined where the text is none: half-written, foreign or of a later version. */
export function parseRecord(text: string): BuildRecord | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed) || parsed['version'] !== 1) return undefined;
  const {id, time, dockerfile, contextName, target, driver, seconds, outcome, args, steps} = parsed;
  const texts = [id, time, dockerfile, contextName, driver].every((value) => typeof value === 'string');
  if (!texts || !(target === undefined || typeof target === 'string')) return undefined;
  if (!isDuration(seconds) || !(outcome === 'done' || outcome === 'failed' || outcome === 'cancelled'))
    return undefined;
  if (!Array.isArray(args) || !args.every(isArg) || !Array.isArray(steps) || !steps.every(isStep)) return undefined;
  return parsed as unknown as BuildRecord;
}

/** Text of a record's file: only the known fields, whatever else the object carries. */
export function formatRecord(record: BuildRecord): string {
  const {id, time, dockerfile, contextName, target, driver, seconds, outcome} = record;
  const args = record.args.map(({name, origin}) => ({name, origin}));
  const steps = record.steps.map(({key, name, line, cached, seconds: taken}) => ({
    key,
    name,
    line,
    cached,
    seconds: taken,
  }));
  return `${JSON.stringify({version: 1, id, time, dockerfile, contextName, target, driver, seconds, outcome, args, steps})}\n`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isArg(value: unknown): boolean {
  return isRecord(value) && typeof value['name'] === 'string' && typeof value['origin'] === 'string';
}

function isStep(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value['key'] === 'string' &&
    typeof value['name'] === 'string' &&
    (value['line'] === undefined || typeof value['line'] === 'number') &&
    typeof value['cached'] === 'boolean' &&
    isDuration(value['seconds'])
  );
}
