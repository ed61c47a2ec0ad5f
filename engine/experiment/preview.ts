import {count, formatDuration} from '../progress/format.js';
import {chainSeconds} from './alone.js';
import type {PlannedExperiment, PlannedVariant} from './plan-experiment.js';
import type {PlannedStep} from './step-keys.js';

/** What earlier builds tell of a variant's step. */
export interface StepForecast {
  /** It is there already, as far as is known. */
  readonly cached: boolean | 'unknown';
  /** What it took when it last ran; undefined: it never did. */
  readonly seconds: number | undefined;
}

export interface PreviewedStep {
  /** Equal for the same step of several variants. */
  readonly key: string;
  readonly name: string;
  /** What it took when it last ran; null: it never did. */
  readonly seconds: number | null;
  readonly cached: boolean | 'unknown';
}

export interface PreviewedVariant {
  readonly name: string;
  readonly overrides: PlannedVariant['variant']['overrides'];
  readonly labels: Readonly<Record<string, string>>;
  readonly steps: number;
  /** Steps that no variant before it has. */
  readonly adds: readonly PreviewedStep[];
  /** For what it adds; null where a step has never run. */
  readonly estimatedSeconds: number | null;
  readonly problem: string | null;
}

/** What an experiment would do, before anything is built. */
export interface Preview {
  readonly name: string;
  readonly baseline: string;
  readonly axes: readonly string[];
  /** Steps that are made once for so many variants, those of all first. */
  readonly shared: readonly (PreviewedStep & {readonly variants: number})[];
  readonly variants: readonly PreviewedVariant[];
  /** Steps of all variants, and how many of them are different ones. */
  readonly steps: {readonly all: number; readonly different: number};
  /** For all, `jobs` at once; null where a step that has to run has never run. */
  readonly estimatedSeconds: number | null;
}

/** Pure but for `forecast`, which is asked once a step. */
export function preview(
  {definition, variants, expanded}: PlannedExperiment,
  jobs: number,
  forecast: (variant: PlannedVariant, step: PlannedStep) => StepForecast,
): Preview {
  const uses = new Map<string, number>();
  for (const {steps} of variants) for (const key of steps) uses.set(key, (uses.get(key) ?? 0) + 1);
  const known = new Map<string, PlannedStep & StepForecast>();
  const previewed = variants.map((one): PreviewedVariant => {
    const adds: (PlannedStep & StepForecast)[] = [];
    for (const step of one.planned) {
      if (known.has(step.key)) continue;
      const found = {...step, ...forecast(one, step)};
      known.set(step.key, found);
      adds.push(found);
    }
    const {variant, failure} = one;
    return {
      name: variant.name,
      overrides: variant.overrides,
      labels: variant.labels,
      steps: one.planned.length,
      adds: adds.map(shownStep),
      estimatedSeconds: chainSeconds(adds, (key) => costOf(known.get(key))) ?? null,
      problem: failure?.message ?? null,
    };
  });
  const shared = [...known.values()].filter(({key}) => (uses.get(key) ?? 0) > 1);
  return {
    name: definition.name,
    baseline: expanded.baseline.name,
    axes: [...new Set(variants.flatMap(({variant}) => Object.keys(variant.labels)))],
    shared: shared
      .map((step) => ({...shownStep(step), variants: uses.get(step.key) ?? 0}))
      .sort((a, b) => b.variants - a.variants),
    variants: previewed,
    steps: {all: variants.reduce((sum, {planned}) => sum + planned.length, 0), different: known.size},
    estimatedSeconds: total(previewed, jobs),
  };
}

const shownStep = ({key, name, seconds, cached}: PlannedStep & StepForecast): PreviewedStep => {
  return {key, name, seconds: seconds ?? null, cached};
};

const costOf = (step: StepForecast | undefined): number | undefined => (step?.cached === true ? 0 : step?.seconds);

/** The first variant makes what the others share; then each goes to whoever is free first. */
function total(variants: readonly PreviewedVariant[], jobs: number): number | null {
  const [first, ...others] = variants.map(({estimatedSeconds}) => estimatedSeconds);
  if (first === undefined) return 0;
  if (first === null) return null;
  const free = Array.from({length: jobs}, () => first);
  for (const seconds of others) {
    if (seconds === null) return null;
    free.sort((a, b) => a - b);
    free[0] = (free[0] ?? 0) + seconds;
  }
  return Math.max(...free);
}

const time = (seconds: number | null): string => (seconds === null ? 'time not known' : formatDuration(seconds));
const state = (cached: boolean | 'unknown', seconds: number | null): string =>
  cached === true ? 'cached' : time(seconds);
const cut = (text: string): string => (text.length <= 100 ? text : `${text.slice(0, 99)}…`);

/** The preview as text: what is shared, then a block for each variant. */
export function renderPreview({name, shared, variants, steps, estimatedSeconds, baseline}: Preview): string {
  const all = shared.filter((step) => step.variants === variants.length);
  const some = shared.filter((step) => step.variants < variants.length);
  const line = (step: Preview['shared'][number]): string =>
    `  ${cut(oneLine(step.name))}  ${state(step.cached, step.seconds)}`;
  const common = new Set(shared.map(({key}) => key));
  const lines = [
    `experiment ${name}: ${count(variants.length, 'variant')}, ${count(steps.different, 'step')} instead of ${steps.all}`,
    `estimated ${time(estimatedSeconds)}`,
    ...(all.length === 0 ? [] : ['', `made once for all ${variants.length} variants`, ...all.map(line)]),
    ...(some.length === 0 ? [] : ['', 'made once for some']),
    ...some.map((step) => `${line(step)}, for ${step.variants} variants`),
  ];
  for (const one of variants) {
    const own = one.adds.filter((step) => !common.has(step.key));
    const adds = own.length === 0 ? 'adds no step of its own' : `adds ${own.length} of ${one.steps} steps`;
    lines.push(
      '',
      `${oneLine(one.name)}${one.name === baseline ? ' (baseline)' : ''}: ${adds}, ${time(one.estimatedSeconds)}`,
    );
    if (one.problem !== null) lines.push(`  cannot be built: ${oneLine(one.problem)}`);
    for (const step of own) lines.push(`  ${cut(oneLine(step.name))}  ${state(step.cached, step.seconds)}`);
  }
  return lines.map((text) => `${text}\n`).join('');
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
