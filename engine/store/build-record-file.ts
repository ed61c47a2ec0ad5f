import type {BuildRecord, Cause, RecordedStep} from './build-record.js';
import {causeKinds} from './build-record.js';
import {parseVersioned} from './files.js';

const version = 2;
const mostSteps = 2000;
const mostText = 600;
const mostCauses = 20;

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const duration: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const flag: Check = (value) => typeof value === 'boolean';
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(checks).every(([name, check]) => check(value[name]));
const oneOf =
  (names: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && names.includes(value);

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const files = fields({changed: duration, total: duration, named: list(fields({path: text, change: text}))});
const cause = fields({
  ...{kind: oneOf(causeKinds), name: text, before: orNull(text), after: orNull(text)},
  ...{files: optional(files), text, advice: optional(text)},
});
const step = fields({
  ...{id: text, key: text, name: text, stage: text, line: duration, instruction: text, text, cached: flag},
  ...{
    failed: flag,
    start: duration,
    seconds: duration,
    written: text,
    parent: orNull(text),
    inputs: list(text),
    causes: list(cause),
    cacheKey: orNull(text),
  },
});
const value = fields({name: text, value: text, origin: text, stage: orNull(text)});
const artifact = fields({path: text, sha256: text, bytes: duration});
const layer = fields({step: orNull(text), diffId: orNull(text), bytes: duration});
const record = fields({
  ...{id: text, time: text, dockerfile: text, contextName: text, place: text, target: text, platform: text},
  ...{driver: text, seconds: duration, outcome: oneOf(['done', 'failed', 'cancelled'])},
  error: orNull(fields({code: text, message: text, step: orNull(text)})),
  ...{args: list(value), env: list(value), fresh: fields({all: flag, stages: list(text)})},
  image: orNull(fields({configDigest: orNull(text), manifestDigest: orNull(text)})),
  ...{tags: list(text), artifacts: list(artifact), layers: list(layer), facts: orNull(text), steps: list(step)},
});

/** The record in a file's text, or undefined where the text is none: half-written, foreign or of another version. */
export function parseRecord(content: string): BuildRecord | undefined {
  const parsed = parseVersioned(content, version);
  if (parsed === undefined || !record(parsed)) return undefined;
  const known = Object.entries(parsed).filter(([name]) => name !== 'version');
  return Object.fromEntries(known) as unknown as BuildRecord;
}

/** Whether the text is a record as earlier versions of this tool wrote it: passed over in silence. */
export function isOldRecord(content: string): boolean {
  return parseVersioned(content, 1) !== undefined;
}

/** Text of a record's file, of a bounded size. */
export function formatRecord(build: BuildRecord): string {
  const steps = build.steps.slice(0, mostSteps).map(bounded);
  return `${JSON.stringify({version, ...build, steps})}\n`;
}

function bounded(one: RecordedStep): RecordedStep {
  return {
    ...one,
    name: shortened(one.name),
    text: shortened(one.text),
    written: shortened(one.written),
    causes: one.causes.slice(0, mostCauses).map(boundedCause),
  };
}

function boundedCause(one: Cause): Cause {
  const short = (words: string | null): string | null => (words === null ? null : shortened(words));
  return {...one, text: shortened(one.text), before: short(one.before), after: short(one.after)};
}

const shortened = (words: string): string => (words.length <= mostText ? words : `${words.slice(0, mostText - 1)}…`);
