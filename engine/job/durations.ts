import {criticalPath} from '../plan/critical-path.js';
import type {BuildRecord, RecordedStep} from '../store/build-record.js';

/** Samples that count: of what is older the machine, or the step, may be another. */
const mostSamples = 5;

/** How long things took in earlier builds, in seconds. */
export interface Durations {
  /** Of a step by its identity over builds, else by what is written there; undefined where it never ran. */
  secondsOf(step: Pick<RecordedStep, 'key' | 'stage' | 'written'>): number | undefined;
  /** What a build takes beside its steps: sending the context, writing the image, taking artifacts out. */
  readonly overhead: {readonly running: number; readonly cached: number};
}

/** Of builds with one driver, newest first. */
export function durationsOf(records: readonly BuildRecord[]): Durations {
  const byKey = new Map<string, number[]>();
  const byText = new Map<string, number[]>();
  const running: number[] = [];
  const cached: number[] = [];
  for (const record of records) {
    for (const step of record.steps) {
      if (step.cached || step.failed) continue;
      addSample(byKey, step.key, step.seconds);
      addSample(byText, textKey(step), step.seconds);
    }
    if (record.outcome !== 'done') continue;
    const ran = record.steps.some((step) => !step.cached);
    const beside = Math.max(0, record.seconds - criticalPath(record.steps).seconds);
    const samples = ran ? running : cached;
    if (samples.length < mostSamples) samples.push(beside);
  }
  const ofRunning = median(running);
  const ofCached = median(cached);
  return {
    secondsOf: (step) => median(byKey.get(step.key) ?? byText.get(textKey(step)) ?? []),
    overhead: {running: ofRunning ?? ofCached ?? 0, cached: ofCached ?? ofRunning ?? 0},
  };
}

const textKey = ({stage, written}: Pick<RecordedStep, 'stage' | 'written'>): string => `${stage}\0${written}`;

function addSample(samples: Map<string, number[]>, key: string, seconds: number): void {
  const known = samples.get(key) ?? [];
  if (known.length < mostSamples) samples.set(key, [...known, seconds]);
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined || sorted.length % 2 === 1) return upper;
  return ((sorted[middle - 1] ?? 0) + upper) / 2;
}
