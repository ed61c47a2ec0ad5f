import type {Dockerfile, Warning} from '../dockerfile/ast.js';
import {contextWarnings, type ContextFacts} from '../stages/context-checks.js';
import {effectiveText} from '../stages/effective-text.js';
import type {ResolveOptions} from '../stages/options.js';
import {resolveStages} from '../stages/resolve.js';
import {artifactSources} from './artifact-sources.js';
import type {Plan} from './plan.js';

export interface PlanOptions extends ResolveOptions {
  /** What is known of the build context; without it the checks that need one are left out. */
  readonly contextFacts?: ContextFacts | undefined;
}

/** Dockerfile and settings -> what will run. Pure. Throws BuildError as `resolveStages`. */
export function planBuild(dockerfile: Dockerfile, options: PlanOptions = {}): Plan {
  const graph = resolveStages(dockerfile, options);
  const {contextFacts} = options;
  const warnings: readonly Warning[] = [
    ...graph.warnings,
    ...(contextFacts === undefined ? [] : contextWarnings(graph, contextFacts)),
  ];
  return {
    dockerfile,
    effectiveText: effectiveText(dockerfile, options.envOverrides ?? []),
    graph,
    artifacts: artifactSources(graph),
    warnings: [...warnings].sort((a, b) => a.line - b.line),
  };
}
