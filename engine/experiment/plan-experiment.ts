import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {Driver} from '../drivers/driver.js';
import {completePlan} from '../job/complete-plan.js';
import {type PreparedJob, withSettings} from '../job/prepare.js';
import type {JobServices} from '../job/run.js';
import type {JobSettings} from '../job/settings.js';
import type {Plan} from '../plan/plan.js';
import type {EventSink} from '../progress/events.js';
import {isPredefinedArg} from '../stages/platform-args.js';
import type {Definition} from './definition.js';
import {type Expanded, expand} from './expand.js';
import {type PlannedStep, plannedSteps} from './step-keys.js';
import {axesOf, type Overrides, type Variant} from './variant.js';

export interface PlannedVariant {
  readonly variant: Variant;
  readonly job: PreparedJob;
  readonly plan: Plan;
  readonly planned: readonly PlannedStep[];
  /** Keys of `planned`. */
  readonly steps: ReadonlySet<string>;
  /** Why it cannot be built; undefined: nothing is known to be in the way. */
  readonly failure: Error | undefined;
}

export interface PlannedExperiment {
  readonly definition: Definition;
  readonly expanded: Expanded;
  readonly variants: readonly PlannedVariant[];
  close(): Promise<void>;
}

/** What the values of a variant come to; `base` keeps the driver from being asked for the replaced images. */
export function settingsFor(settings: JobSettings, {arg, env, base, target, platform}: Overrides): JobSettings {
  const buildArgs = new Map(settings.buildArgs.map((one) => [one.name, one]));
  for (const [name, value] of Object.entries(arg)) buildArgs.set(name, {name, value, origin: 'build-arg'});
  const overrides = Object.entries(env).map(([name, value]) => {
    const colon = name.lastIndexOf(':');
    return {stage: colon === -1 ? undefined : name.slice(0, colon), name: name.slice(colon + 1), value};
  });
  const replaced = Object.entries(base).map(
    ([name, reference]) =>
      [name, {kind: 'image' as const, reference: reference.replace(/^docker-image:\/\//, '')}] as const,
  );
  return {
    ...settings,
    buildArgs: [...buildArgs.values()],
    // The later one of a name wins.
    envOverrides: [...settings.envOverrides, ...overrides],
    contexts: new Map([...settings.contexts, ...replaced]),
    target: target ?? settings.target,
    platform: platform ?? settings.platform,
  };
}

/** Plans every variant on the one context and Dockerfile of `job`. Rejects as planning does, naming the variant. */
export async function planExperiment(
  job: PreparedJob,
  definition: Definition,
  services: Pick<JobServices, 'credentials'> & {readonly driver: Pick<Driver, 'imageConfigs' | 'name'> | undefined},
  events: EventSink,
  signal: AbortSignal,
): Promise<PlannedExperiment> {
  const expanded = expand(definition);
  const variants: PlannedVariant[] = [];
  const close = async (): Promise<void> => {
    for (const one of variants) await one.job.close();
  };
  try {
    for (const variant of expanded.variants) {
      const settings = settingsFor(job.settings, variant.overrides);
      const own = await withSettings(job, settings, signal).catch((error: unknown) => {
        throw inVariant(error, variant);
      });
      const {driver, credentials} = services;
      let plan = own.plan;
      let failure: Error | undefined;
      try {
        if (driver !== undefined) plan = await completePlan(own, driver, credentials, events, signal);
      } catch (error) {
        // A base image that cannot be had is the end of this variant, not of the others.
        signal.throwIfAborted();
        if (!(error instanceof BuildError)) throw error;
        failure = error;
      }
      const planned = plannedSteps(plan, {...own.settings, contexts: own.contexts});
      variants.push({variant, job: own, plan, planned, steps: new Set(planned.map(({key}) => key)), failure});
    }
    checkArgs(definition, variants);
    return {definition, expanded, variants, close};
  } catch (error) {
    await close();
    throw error;
  }
}

function inVariant(error: unknown, {name}: Variant): unknown {
  if (!(error instanceof BuildError)) return error;
  return new BuildError(error.code, `${error.message} (variant ${name})`, error.details);
}

/** An ARG that no variant declares makes variants that are all the same. */
function checkArgs({where}: Definition, variants: readonly PlannedVariant[]): void {
  const declared = new Set(variants.flatMap(({plan}) => plan.graph.args.map(({name}) => name)));
  for (const {variant} of variants) {
    const unknown = axesOf(variant.overrides).find(
      ({kind, name}) => kind === 'arg' && !declared.has(name) && !isPredefinedArg(name),
    );
    if (unknown === undefined) continue;
    const file = variants[0]?.plan.dockerfile.file ?? 'the Dockerfile';
    throw where(
      ['matrix', 'arg', unknown.name],
      `${file} declares no ARG ${quote(unknown.name)}${didYouMean(unknown.name, declared)}`,
      declared.size === 0 ? undefined : `It declares ${[...declared].join(', ')}.`,
    );
  }
}
