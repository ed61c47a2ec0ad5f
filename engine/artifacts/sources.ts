import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {ArtifactSource} from '../plan/plan.js';
import type {ExtractSource} from './extract.js';
import {formatPattern, type ArtifactPattern} from './pattern.js';

/** What is needed of the plan: its places, and its stages' names by index. */
export interface StagesAndPlaces {
  readonly artifacts: readonly ArtifactSource[];
  readonly graph: {
    readonly target: number;
    readonly stages: readonly {readonly index: number; readonly name: string | undefined}[];
  };
}

/**
 * Where to look: without patterns for packages in the places that the plan names. A pattern with an absolute path looks
 * there, one with a name in the places of the plan; both in the stage it names, else in the stages of the plan's places,
 * else in the target. Throws BuildError USAGE for a stage that is not there.
 */
export function artifactSources(plan: StagesAndPlaces, patterns: readonly ArtifactPattern[]): readonly ExtractSource[] {
  const named = (index: number) => plan.graph.stages[index]?.name ?? String(index);
  const sources = new Map<
    string,
    {stage: number; path: string; patterns: ArtifactPattern[]; within: string | undefined}
  >();
  const add = (stage: number, path: string, pattern?: ArtifactPattern, within?: string) => {
    const key = `${stage} ${within ?? path}`;
    const source = sources.get(key) ?? {stage, path, patterns: [], within};
    sources.set(key, source);
    if (pattern !== undefined) source.patterns.push(pattern);
  };
  if (patterns.length === 0) for (const {stage, path, pattern} of plan.artifacts) add(stage, path, undefined, pattern);
  for (const pattern of patterns) {
    const wanted = pattern.stage === undefined ? undefined : stageIndex(plan, pattern, pattern.stage);
    const places = plan.artifacts.filter(({stage}) => wanted === undefined || stage === wanted);
    const stages = wanted === undefined ? [...new Set(places.map(({stage}) => stage))] : [wanted];
    if (stages.length === 0) stages.push(plan.graph.target);
    if (pattern.base !== undefined) for (const stage of stages) add(stage, pattern.base, pattern);
    else if (places.length > 0) for (const {stage, path} of places) add(stage, path, pattern);
    else {
      throw new BuildError('USAGE', `${quote(formatPattern(pattern))} does not say where to look`, {
        remedy: `The target copies nothing from ${wanted === undefined ? 'another stage' : `stage ${named(wanted)}`}: write an absolute path, such as "${named(stages[0] ?? 0)}:/out/${pattern.glob}".`,
      });
    }
  }
  return [...sources.values()].map((source) => ({
    stage: source.stage,
    path: source.path,
    patterns: source.patterns,
    ...(source.within === undefined ? {} : {within: source.within}),
    stageName: named(source.stage),
  }));
}

function stageIndex(plan: StagesAndPlaces, pattern: ArtifactPattern, name: string): number {
  const {stages} = plan.graph;
  const found =
    stages.find((stage) => stage.name === name.toLowerCase()) ?? stages.find(({index}) => String(index) === name);
  if (found !== undefined) return found.index;
  const names = stages.map((stage) => stage.name ?? String(stage.index));
  throw new BuildError(
    'USAGE',
    `--artifact ${formatPattern(pattern)} names no stage ${quote(name)}${didYouMean(name, names)}`,
    {
      remedy: `The stages are ${names.join(', ')}.`,
    },
  );
}
