import type {Plan} from '../plan/plan.js';
import {planRedactor} from '../plan/secrets.js';
import {planSteps} from '../plan/steps.js';
import {type Project, stepKey} from '../store/build-record.js';
import type {PreparedJob} from './prepare.js';

export type Job = Pick<PreparedJob, 'settings' | 'context' | 'contexts' | 'dockerfile'>;

/** What tells the builds of a Dockerfile and a context from others. */
export function projectOf({settings, context, dockerfile}: Job): Project {
  // A context that was fetched lies in a directory of this run.
  return {dockerfile: dockerfile.file, place: context.kind === 'directory' ? context.root : settings.context};
}

/** Key of each step by its id: the chain of texts above it in its stage, secret values left out. */
export function keysOf(plan: Plan): ReadonlyMap<string, string> {
  const {redact} = planRedactor(plan.graph);
  const keys = new Map<string, string>();
  for (const {id, stage, step} of planSteps(plan.graph)) {
    const label = stage.name ?? String(stage.index);
    const before = stage.steps[stage.steps.findIndex((each) => each.id === id) - 1]?.id ?? stage.fromId;
    keys.set(
      id,
      stepKey(
        label,
        step === undefined ? undefined : keys.get(before),
        redact(step?.text ?? JSON.stringify(stage.base)),
      ),
    );
  }
  return keys;
}
