import type {Dockerfile, Warning} from '../dockerfile/ast.js';
import type {ImageConfig} from '../oci/config.js';
import {hostPlatform, type Platform} from '../oci/platform.js';
import {normalReference} from '../oci/reference.js';
import {argReports} from './arg-reports.js';
import {argWarnings, uselessOverrides} from './arg-checks.js';
import {baseConfigKey, nameOfConfigKey} from './base-config-key.js';
import {readGlobals, type Globals} from './globals.js';
import type {Binding, Stage, StageGraph} from './graph.js';
import {layoutOf, targetOf, type Layout, type StageText} from './layout.js';
import {staticReads} from './needs.js';
import type {BuildArg, ResolveOptions} from './options.js';
import {envOverridesOf} from './overrides.js';
import {isProxyArg} from './platform-args.js';
import {resolveStage, type ResolvedStage} from './resolve-stage.js';
import type {NameTable} from './sources.js';
import {invalidDefaults, platformWarning, readFrom, type FromLine} from './stage-base.js';
import {statementsOf, type StageStatement} from './triggers.js';

interface StagePlan {
  readonly text: StageText;
  readonly from: FromLine;
  readonly config: ImageConfig | undefined;
  readonly statements: readonly StageStatement[];
  readonly needs: readonly number[];
}

/** What is known of the base for its platform; where that is not known, what is known of it. */
function configOf(
  {base, platform}: FromLine,
  configs: ReadonlyMap<string, ImageConfig>,
  ofBuild: Platform,
): ImageConfig | undefined {
  if (base.kind !== 'context' && base.kind !== 'image') return undefined;
  const name = base.kind === 'context' ? base.name : base.reference;
  const exact = configs.get(baseConfigKey(name, platform ?? ofBuild, ofBuild)) ?? configs.get(name);
  if (exact !== undefined || base.kind === 'context') return exact;
  const normal = normalReference(base.reference);
  if (normal === undefined) return undefined;
  for (const [reference, config] of configs) if (normalReference(reference) === normal) return config;
  return undefined;
}

function reachableFrom(target: number, plans: readonly StagePlan[]): ReadonlySet<number> {
  const reachable = new Set<number>();
  const open = [target];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (reachable.has(index)) continue;
    reachable.add(index);
    open.push(...(plans[index]?.needs ?? []));
  }
  return reachable;
}

function planStages(
  layout: Layout,
  globals: Globals,
  table: NameTable,
  configs: ReadonlyMap<string, ImageConfig>,
  platform: Platform,
): readonly StagePlan[] {
  return layout.stages.map((text): StagePlan => {
    const from = readFrom(layout, text, globals, table);
    const config = configOf(from, configs, platform);
    const replaced = from.base.kind === 'context' && text.name === from.base.name;
    const statements = replaced ? [] : statementsOf(layout.dockerfile, layout.stages, text, from.base, config);
    const reads = staticReads(statements, text, table);
    const base = from.base.kind === 'stage' ? [from.base.index] : [];
    return {text, from, config, statements, needs: [...new Set([...base, ...reads])].sort((a, b) => a - b)};
  });
}

function imagesOf(stages: readonly Stage[]): readonly string[] {
  const images = new Set<string>();
  for (const stage of stages) {
    if (!stage.reachable) continue;
    if (stage.base.kind === 'image') images.add(stage.base.reference);
    for (const {reads} of stage.steps) {
      for (const source of reads) if (source.kind === 'image') images.add(source.reference);
    }
  }
  return [...images];
}

function proxyOf(buildArgs: ReadonlyMap<string, BuildArg>): readonly Binding[] {
  return [...buildArgs]
    .filter(([name]) => isProxyArg(name))
    .map(([name, {value}]) => ({name, value, origin: 'predefined' as const, line: 0}));
}

function withLabels(stage: Stage, labels: Readonly<Record<string, string>>): Stage {
  if (Object.keys(labels).length === 0) return stage;
  return {...stage, config: {...stage.config, Labels: {...stage.config.Labels, ...labels}}};
}

/** Each of the same problem once: FROM words are looked at for names and for platforms. */
function unique(warnings: readonly Warning[]): readonly Warning[] {
  const seen = new Set<string>();
  return warnings.filter(({rule, line, message}) => {
    const key = `${rule} ${line} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

/**
 * Dockerfile -> stage graph: every name expanded once, each value with its origin, the stages that the target needs found
 * (Dockerfile reference, with BuildKit's rules where it says nothing). Pure. Throws BuildError with file, range and remedy:
 * DOCKERFILE_STAGE, DOCKERFILE_WORD, DOCKERFILE_INSTRUCTION, DOCKERFILE_FLAG, BUILD_ARG_INVALID, PLATFORM_INVALID.
 */
export function resolveStages(dockerfile: Dockerfile, options: ResolveOptions = {}): StageGraph {
  const layout = layoutOf(dockerfile);
  const build = options.buildPlatform ?? hostPlatform();
  const platform = options.platform ?? build;
  const buildArgs = options.buildArgs ?? new Map<string, BuildArg>();
  const configs = options.baseConfigs ?? new Map<string, ImageConfig>();
  const overrides = envOverridesOf(layout, options.envOverrides ?? []);
  const target = targetOf(layout, options.target);
  const platforms = {target: platform, build, targetStage: target.name ?? 'default'};
  const globals = readGlobals(layout, buildArgs, platforms);
  const table: NameTable = {
    dockerfile,
    stages: layout.stages,
    contexts: options.namedContexts ?? new Set(),
    images: new Set([...configs.keys()].map(nameOfConfigKey)),
  };
  const plans = planStages(layout, globals, table, configs, platform);
  const reachable =
    options.allStages === true ? new Set(plans.map(({text}) => text.index)) : reachableFrom(target.index, plans);

  const sources = {buildArgs, globals: globals.declarations};
  const resolved: ResolvedStage[] = [];
  let position = 0;
  for (const {text, from, config, statements, needs} of plans) {
    const parent = from.base.kind === 'stage' ? resolved[from.base.index] : undefined;
    resolved.push(
      resolveStage({
        ...{layout, text, from, statements, parent, table, sources, needs, position},
        baseConfig: config,
        platform: parent?.stage.platform ?? from.platform ?? platform,
        overrides: overrides.get(text.index) ?? new Map<string, string>(),
        reachable: reachable.has(text.index),
      }),
    );
    position += statements.length + 1;
  }
  const stages = resolved.map(({stage}) =>
    stage.index === target.index ? withLabels(stage, options.labels ?? {}) : stage,
  );
  return {
    stages,
    target: target.index,
    platform,
    images: imagesOf(stages),
    args: argReports(globals, resolved),
    proxy: proxyOf(buildArgs),
    warnings: unique([
      ...invalidDefaults(
        layout,
        readGlobals(layout, new Map(), platforms),
        new Set(layout.stages.flatMap(({name}) => name ?? [])),
      ),
      ...plans.flatMap(({from}) => from.warnings),
      ...plans.flatMap((plan) => (reachable.has(plan.text.index) ? basePlatformWarnings(plan, platform) : [])),
      ...resolved.flatMap(({warnings}) => warnings),
      ...argWarnings({layout, globals, resolved, buildArgs}),
      ...uselessOverrides(overrides, stages),
    ]),
  };
}

function basePlatformWarnings({from, config, text}: StagePlan, platform: Platform): readonly Warning[] {
  if (config === undefined || from.base.kind !== 'image') return [];
  return platformWarning(from.base.reference, from.platform ?? platform, config, text.range);
}
