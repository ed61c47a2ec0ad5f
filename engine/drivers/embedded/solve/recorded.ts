import {canonicalJson, type KeyPart} from '../../../plan/cache-key.js';
import type {StepJob} from './solver.js';

/** What is the same for a step over builds: its stage and number. */
export const identityOf = ({stage, step}: StepJob): string => `${stage.label}\0${step.id}`;

/** As the record keeps them: a text for each part, by kind and name. */
export function recordedParts(parts: readonly KeyPart[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    parts.map(({kind, name, value}) => [`${kind} ${name}`, typeof value === 'string' ? value : canonicalJson(value)]),
  );
}
