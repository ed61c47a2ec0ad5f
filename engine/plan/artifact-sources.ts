import type {Source, Stage, StageGraph} from '../stages/graph.js';
import {cleanPath} from '../stages/paths.js';
import type {ArtifactSource} from './plan.js';

/** `/out/*.deb` -> the directory `/out` and the pattern; a path without wildcard is itself. */
function sourceOf(stage: number, written: string): ArtifactSource {
  const path = cleanPath(written);
  const parts = path.split('/');
  const wild = parts.findIndex((part) => /[*?[]/.test(part));
  if (wild === -1) return {stage, path, pattern: undefined};
  return {stage, path: parts.slice(0, wild).join('/') || '/', pattern: path};
}

/** The stages whose files the target stage holds: itself, and what it is made from. */
function lineage(graph: StageGraph): readonly Stage[] {
  const chain: Stage[] = [];
  for (let stage = graph.stages[graph.target]; stage !== undefined;) {
    chain.push(stage);
    stage = stage.base.kind === 'stage' ? graph.stages[stage.base.index] : undefined;
  }
  return chain;
}

const stageIndex = (source: Source | undefined): number | undefined =>
  source?.kind === 'stage' ? source.index : undefined;

/**
 * Where the artifacts are: every path that the target stage (or one it is made from) takes from another stage, by COPY
 * --from or by a bind mount of less than the whole stage, in order and without duplicates.
 */
export function artifactSources(graph: StageGraph): readonly ArtifactSource[] {
  const found = new Map<string, ArtifactSource>();
  const add = (artifact: ArtifactSource): void => {
    found.set(`${artifact.stage}:${artifact.pattern ?? artifact.path}`, artifact);
  };
  for (const {operation} of lineage(graph).flatMap(({steps}) => steps)) {
    if (operation.kind === 'copy') {
      const stage = stageIndex(operation.source);
      if (stage !== undefined) for (const path of operation.sources) add(sourceOf(stage, path));
    } else if (operation.kind === 'run') {
      for (const {type, from, source} of operation.mounts) {
        const stage = stageIndex(from);
        if (type === 'bind' && stage !== undefined && source !== '/') add(sourceOf(stage, source));
      }
    }
  }
  return [...found.values()];
}
