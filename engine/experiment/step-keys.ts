import {createHash} from 'node:crypto';
import type {BuildRequest} from '../drivers/driver.js';
import type {Plan} from '../plan/plan.js';
import type {PlanStep} from '../plan/predict.js';
import {planSteps} from '../plan/steps.js';
import type {Source, Stage} from '../stages/graph.js';

/** A step of a variant that does work. */
export interface PlannedStep {
  /** Equal for the steps of two variants exactly where they are the same step on the same files. */
  readonly key: string;
  readonly id: string;
  /** `[builder 3/7] RUN make`. */
  readonly name: string;
  /** Keys of the steps whose result it needs. */
  readonly needs: readonly string[];
}

/** What of a request has a part in what steps make. */
export type KeyedRequest = Pick<BuildRequest, 'network' | 'extraHosts' | 'contexts'>;

/**
 * The steps of a plan that run or are cached, in order: those of the stages that are built. The variants of an experiment
 * share the build context, so that its content is no part of the key.
 */
export function plannedSteps(plan: Plan, request: KeyedRequest): readonly PlannedStep[] {
  const wanted = stagesOf(plan);
  const keys = new Map<string, string>();
  const found: PlannedStep[] = [];
  for (const step of planSteps(plan.graph)) {
    const key = digest([contentOf(step, plan, request), step.inputs.map((id) => keys.get(id) ?? id)]);
    // An instruction for the image's config alone leaves the files as they are.
    const idle = step.step === undefined || step.step.operation.kind === 'config';
    const before = step.inputs[0];
    keys.set(step.id, idle && step.step !== undefined && before !== undefined ? (keys.get(before) ?? key) : key);
    if (idle || !wanted.has(step.stage.index)) continue;
    const needs = step.inputs.map((id) => keys.get(id) ?? '');
    found.push({key, id: step.id, name: step.step.name, needs});
  }
  return found;
}

/** The target's stages, and those that artifacts are taken from. */
function stagesOf({graph, artifacts}: Plan): ReadonlySet<number> {
  const found = new Set<number>();
  const add = (stage: Stage | undefined): void => {
    if (stage === undefined || found.has(stage.index)) return;
    found.add(stage.index);
    for (const index of stage.needs) add(graph.stages[index]);
  };
  for (const stage of graph.stages) if (stage.reachable) add(stage);
  for (const {stage} of artifacts) add(graph.stages[stage]);
  return found;
}

function contentOf({stage, step}: PlanStep, {graph}: Plan, request: KeyedRequest): unknown {
  if (step === undefined) return ['from', sourceOf(stage.base, request), stage.platform];
  const {operation, config, env} = step;
  const user = [config.User ?? '', config.WorkingDir ?? ''];
  if (operation.kind === 'run') {
    const mounts = operation.mounts.map((mount) => ({...mount, from: mount.from && sourceOf(mount.from, request)}));
    const variables = env.map(({name, value}) => [name, value ?? null]);
    const {network, extraHosts} = request;
    return [{...operation, mounts}, variables, user, graph.platform, network, extraHosts];
  }
  if (operation.kind === 'copy' || operation.kind === 'add') {
    return {...operation, source: sourceOf(operation.source, request)};
  }
  return [operation, user];
}

/** A stage counts by its steps, which are among the inputs; an external source by what it means. */
function sourceOf(source: Source, {contexts}: KeyedRequest): unknown {
  if (source.kind === 'stage') return 'stage';
  if (source.kind !== 'context') return source;
  const named = contexts.get(source.name);
  return named?.kind === 'directory' ? ['directory', named.context.root] : (named ?? source);
}

const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
