import {BuildError} from '../base/errors.js';
import type {Dockerfile, Warning} from '../dockerfile/ast.js';
import {applyCheck, checkOptionsOf, parseCheck, type CheckOptions} from '../dockerfile/check-directive.js';
import {checkDockerfile} from '../dockerfile/checks.js';
import {parseStatements} from '../dockerfile/statement.js';
import {contextWarnings, type ContextFacts} from '../stages/context-checks.js';
import {effectiveText} from '../stages/effective-text.js';
import type {StageGraph} from '../stages/graph.js';
import type {ResolveOptions} from '../stages/options.js';
import {resolveStages} from '../stages/resolve.js';
import {artifactSources} from './artifact-sources.js';
import {layersKey} from './cache-key.js';
import type {Plan} from './plan.js';

export interface PlanOptions extends ResolveOptions {
  /** What is known of the build context; without it the checks that need one are left out. */
  readonly contextFacts?: ContextFacts | undefined;
}

/** Checks of what an instruction does; BuildKit never gets to them in a stage that is not built. */
const onlyWhereBuilt = new Set([
  ...['JSONArgsRecommended', 'MultipleInstructionsDisallowed', 'LegacyKeyValueFormat', 'SecretsUsedInArgOrEnv'],
  ...['WorkdirRelativePath', 'ExposeProtoCasing', 'ExposeInvalidFormat', 'SecretInArg'],
]);

function fileWarnings(dockerfile: Dockerfile, graph: StageGraph): readonly Warning[] {
  const stageAt = (line: number) => graph.stages.findLast((stage) => stage.line <= line);
  return checkDockerfile(dockerfile, parseStatements(dockerfile)).filter(
    ({rule, line}) => !onlyWhereBuilt.has(rule) || stageAt(line)?.reachable !== false,
  );
}

const checkArg = 'BUILDKIT_DOCKERFILE_CHECK';

/** The build argument replaces the directive. Throws BuildError DOCKERFILE_SYNTAX or BUILD_ARG_INVALID. */
function checkOptions(dockerfile: Dockerfile, {buildArgs}: PlanOptions): CheckOptions {
  const given = buildArgs?.get(checkArg);
  if (given === undefined) return checkOptionsOf(dockerfile);
  try {
    return parseCheck(given.value);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new BuildError('BUILD_ARG_INVALID', `build argument ${checkArg}: ${error.message}`, error.details);
  }
}

function basesOf(configs: PlanOptions['baseConfigs']): ReadonlyMap<string, string> {
  return new Map([...(configs ?? [])].map(([reference, {rootfs}]) => [reference, layersKey(rootfs.diff_ids)]));
}

/** Dockerfile and settings -> what will run. Pure. Throws BuildError as `resolveStages`. */
export function planBuild(dockerfile: Dockerfile, options: PlanOptions = {}): Plan {
  const graph = resolveStages(dockerfile, options);
  const {contextFacts} = options;
  const check = checkOptions(dockerfile, options);
  const warnings = [
    ...fileWarnings(dockerfile, graph),
    ...graph.warnings,
    ...(contextFacts === undefined ? [] : contextWarnings(graph, contextFacts)),
  ];
  return {
    dockerfile,
    effectiveText: effectiveText(dockerfile, options.envOverrides ?? []),
    graph,
    artifacts: artifactSources(graph),
    warnings: applyCheck(warnings, check).toSorted((a, b) => a.line - b.line),
    bases: basesOf(options.baseConfigs),
    warningsFail: check.error,
  };
}
