import {createHash} from 'node:crypto';
import type {BuildContext} from '../context/context.js';
import {contextDigests} from '../context/digest.js';
import type {Plan} from '../plan/plan.js';
import type {PlannedVariant} from './plan-experiment.js';
import type {Rule} from './definition.js';

/** Digest of everything that a context sends: what was built of other files is no result of these. */
export async function contextDigest(context: BuildContext, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const {path, digest} of contextDigests(context, {}, signal)) hash.update(`${path}\0${digest}\n`);
  return hash.digest('hex');
}

/**
 * What a variant's result depends on: steps, config, labels, artifacts, what is expected of it, the builder. A result of
 * an interrupted run counts only under the same key.
 */
export function variantKey(
  {variant, plan, steps, job}: PlannedVariant,
  context: {readonly digest: string; readonly driver: string},
  rules: readonly Rule[],
): string {
  const {settings, contexts} = job;
  const target = plan.graph.stages[plan.graph.target];
  const directories = [...contexts].map(([name, each]) => [name, each.kind === 'directory' ? each.context.root : each]);
  const read = {driver: context.driver, digest: readsContext(plan) ? context.digest : null};
  const parts = [
    ...[read, variant.name, variant.overrides, [...steps], target?.config ?? null, plan.effectiveText],
    ...[settings.labels, settings.artifacts, settings.wantArtifacts, settings.outputs, directories, rules],
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Whether a step reads files of the build context: else they may change between two runs. */
export function readsContext({graph}: Plan): boolean {
  return graph.stages
    .flatMap(({steps}) => steps)
    .some(({operation, reads}) => {
      const copies = operation.kind === 'copy' || operation.kind === 'add';
      return (copies && operation.source.kind === 'main-context') || reads.some(({kind}) => kind === 'main-context');
    });
}
