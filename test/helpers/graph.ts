import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import type {Stage, StageGraph, StageStep} from '../../engine/stages/graph.js';
import type {BuildArg, ResolveOptions} from '../../engine/stages/options.js';
import {resolveStages} from '../../engine/stages/resolve.js';

/** `{A: '1'}` as `--build-arg A=1`. */
export function buildArgs(values: Readonly<Record<string, string>>): ReadonlyMap<string, BuildArg> {
  return new Map(Object.entries(values).map(([name, value]) => [name, {value, origin: 'build-arg' as const}]));
}

const amd64 = {os: 'linux', architecture: 'amd64'};

/** Resolved for linux/amd64 on linux/amd64 unless `options` say otherwise, whatever machine the test runs on. */
export function graphOf(text: string, options: ResolveOptions = {}): StageGraph {
  return resolveStages(parseDockerfile(text), {buildPlatform: amd64, ...options});
}

export function targetStage(graph: StageGraph): Stage {
  const stage = graph.stages[graph.target];
  if (stage === undefined) throw new Error('the graph has no target');
  return stage;
}

/** The target's last step. */
export function lastStep(graph: StageGraph): StageStep {
  const step = targetStage(graph).steps.at(-1);
  if (step === undefined) throw new Error('the target has no step');
  return step;
}

/** Environment of the target's last step, without the default PATH. */
export function lastEnvironment(graph: StageGraph): Readonly<Record<string, string>> {
  const pairs = lastStep(graph).env.map(({name, value}) => [name, value ?? ''] as const);
  return Object.fromEntries(pairs.filter(([name]) => name !== 'PATH'));
}
