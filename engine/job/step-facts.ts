import {createHash} from 'node:crypto';
import type {KeyPart} from '../plan/cache-key.js';
import type {Plan} from '../plan/plan.js';
import {looksSecret, planRedactor} from '../plan/secrets.js';
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
  const base = plan.graph.stages[index]?.base;
  switch (base?.kind) {
    case 'image':
      return [{kind: 'base', name: base.reference, value: plan.bases.get(base.reference) ?? null}];
    case 'context':
      return [{kind: 'base', name: base.name, value: plan.bases.get(base.name) ?? null}];
    case 'stage':
      return [{kind: 'input', name: 'before', value: before ?? null}];
    default:
      return [];
  }
}

/** Facts without what must not be kept: values of names that look secret, and those values wherever they stand. */
export function hideSecrets(plan: Plan): (parts: readonly (Fact | KeyPart)[]) => readonly Fact[] {
  const {redact} = planRedactor(plan.graph);
  const hide = (value: unknown): unknown => {
    if (typeof value === 'string') return redact(value);
    if (Array.isArray(value)) return value.map(hide);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, hide(inner)]));
  };
  return (parts) =>
    parts.map(({kind, name, value}) => {
      const secret = kind === 'env' && looksSecret(name) && typeof value === 'string';
      return {kind, name: redact(name), value: secret ? hiddenValue(value) : hide(value)};
    });
}
