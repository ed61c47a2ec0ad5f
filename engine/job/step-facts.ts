import {createHash} from 'node:crypto';
import type {KeyPart} from '../plan/cache-key.js';
import type {Plan} from '../plan/plan.js';
import {looksSecret, planRedactor} from '../plan/secrets.js';
import {baseConfigKey} from '../stages/base-config-key.js';
import type {Stage, StageStep} from '../stages/graph.js';
import type {Fact} from '../store/facts.js';

/** The cache key of a step and what it was made of. */
export interface StepFacts {
  readonly key: string;
  readonly parts: readonly Fact[];
}

const shownDigits = 6;

/**
 * A value that must not be shown, so that another one looks different: few digits, which many values share, tell nobody
 * what it was.
 */
export function hiddenValue(value: string): string {
  return value === '' ? '' : `***${createHash('sha256').update(value).digest('hex').slice(0, shownDigits)}`;
}

/** What identifies what a stage starts from; for FROM another stage `before` is the key of that one's last step. */
export function fromFacts(plan: Plan, index: number, before: string | undefined): readonly Fact[] {
  const stage = plan.graph.stages[index];
  switch (stage?.base.kind) {
    case 'image':
      return [baseFact(stage.base.reference, stage, plan)];
    case 'context':
      return [baseFact(stage.base.name, stage, plan)];
    case 'stage':
      return [{kind: 'input', name: 'before', value: before ?? null}];
    default:
      return [];
  }
}

function baseFact(reference: string, {platform}: Stage, {bases, graph}: Plan): Fact {
  const layers = bases.get(baseConfigKey(reference, platform, graph.platform)) ?? null;
  return {kind: 'base', name: 'image', value: {reference, layers}};
}

/**
 * Facts by step as they may be kept and shown. Variables that RUN has by ARG are told from those of ENV; of other
 * instructions the variables in their text are added as `mention`s, since of them only what they came to is in the key.
 */
export function shownFacts(plan: Plan, facts: ReadonlyMap<string, StepFacts>): ReadonlyMap<string, readonly Fact[]> {
  const hide = hideSecrets(plan);
  const shown = new Map<string, readonly Fact[]>();
  for (const stage of plan.graph.stages) {
    const from = facts.get(stage.fromId)?.parts ?? [];
    const base = from.some(({kind}) => kind === 'base') ? [] : fromFacts(plan, stage.index, undefined);
    shown.set(stage.fromId, hide([...from, ...base, ...mentioned(plan, stage, stage)]));
    for (const step of stage.steps) {
      const known = facts.get(step.id);
      if (known === undefined) continue;
      const args = new Set(step.args.filter(({origin}) => origin !== 'env').map(({name}) => name));
      const parts = known.parts.map((part) =>
        part.kind === 'env' && args.has(part.name) ? {...part, kind: 'arg'} : part,
      );
      shown.set(step.id, hide([...parts, ...mentioned(plan, stage, step)]));
    }
  }
  return shown;
}

/** The variables that are expanded in the text of an instruction, with the values they have in its stage. */
function mentioned(plan: Plan, stage: Stage, {statement}: Pick<StageStep, 'statement'>): readonly Fact[] {
  const {instruction} = statement;
  const text = [instruction.original, ...instruction.heredocs.map(({content}) => content)].join('\n');
  const names = new Set([...text.matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name]) => name ?? ''));
  return [...names].flatMap((name): readonly Fact[] => {
    const env = stage.env.get(name);
    const arg =
      plan.graph.args.find((one) => one.name === name && one.stage === stage.label) ??
      plan.graph.args.find((one) => one.name === name && one.stage === null);
    if (arg !== undefined && (env === undefined || env.origin !== 'env')) {
      return [{kind: 'mention', name: `arg ${name}`, value: arg.value ?? null}];
    }
    return env === undefined ? [] : [{kind: 'mention', name: `env ${name}`, value: env.value ?? null}];
  });
}

/** Facts without what must not be kept: values of names that look secret, and those values wherever they stand. */
function hideSecrets(plan: Plan): (parts: readonly (Fact | KeyPart)[]) => readonly Fact[] {
  const {redact} = planRedactor(plan.graph);
  const hide = (value: unknown): unknown => {
    if (typeof value === 'string') return redact(value);
    if (Array.isArray(value)) return value.map(hide);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, hide(inner)]));
  };
  return (parts) =>
    parts.map(({kind, name, value}) => {
      const variable = kind === 'env' || kind === 'arg' || kind === 'mention';
      const secret = variable && looksSecret(name.split(' ').at(-1) ?? name) && typeof value === 'string';
      return {kind, name: redact(name), value: secret ? hiddenValue(value) : hide(value)};
    });
}
