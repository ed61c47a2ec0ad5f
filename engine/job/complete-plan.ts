import {BuildError} from '../base/errors.js';
import type {Driver} from '../drivers/driver.js';
import type {ImageConfig} from '../oci/config.js';
import {formatPlatform, type Platform} from '../oci/platform.js';
import type {Plan} from '../plan/plan.js';
import type {EventSink} from '../progress/events.js';
import {baseConfigKey} from '../stages/base-config-key.js';
import type {PreparedJob} from './prepare.js';
import type {JobServices} from './run.js';

/** Triggers of a base image may name further images, which may have triggers: more rounds than this are no accident. */
const mostRounds = 8;

/**
 * The plan with what the driver knows of base images: their ENV, WORKDIR, USER and ONBUILD triggers are in it. Rejects as
 * the driver does.
 */
export async function completePlan(
  job: Pick<PreparedJob, 'plan' | 'planWith' | 'settings'>,
  driver: Pick<Driver, 'imageConfigs' | 'name'>,
  credentials: JobServices['credentials'],
  events: EventSink,
  signal: AbortSignal,
): Promise<Plan> {
  const known = new Map<string, ImageConfig>();
  let {plan} = job;
  for (let round = 0; round < mostRounds; round++) {
    const missing = wantedConfigs(plan, namedImages(job, plan, driver.name)).filter(({key}) => !known.has(key));
    if (missing.length === 0) return plan;
    const before = known.size;
    for (const [platform, wanted] of byPlatform(missing)) {
      const references = [...new Set(wanted.map(({reference}) => reference))];
      const request = {pull: job.settings.pull, credentials, platform};
      let found: ReadonlyMap<string, ImageConfig>;
      try {
        found = await driver.imageConfigs(references, request, events, signal);
      } catch (error) {
        throw error instanceof BuildError ? placed(error, plan, references) : error;
      }
      for (const {key, reference} of wanted) {
        const config = found.get(reference);
        if (config !== undefined) known.set(key, config);
      }
    }
    if (known.size === before) return plan;
    plan = job.planWith(known);
  }
  return plan;
}

interface WantedConfig {
  readonly key: string;
  readonly reference: string;
  readonly platform: Platform;
}

/** The images of the plan: that of FROM for its own platform, what else is read for that of the build. */
function wantedConfigs({graph}: Plan, named: ReadonlyMap<string, string>): readonly WantedConfig[] {
  const wanted = new Map<string, WantedConfig>();
  const add = (name: string, reference: string, platform: Platform): void => {
    const key = baseConfigKey(name, platform, graph.platform);
    wanted.set(key, {key, reference, platform});
  };
  for (const {base, platform, reachable, steps} of graph.stages) {
    if (!reachable) continue;
    const context = base.kind === 'context' ? named.get(base.name) : undefined;
    if (base.kind === 'image') add(base.reference, base.reference, platform);
    else if (base.kind === 'context' && context !== undefined) add(base.name, context, platform);
    for (const source of steps.flatMap(({reads}) => reads))
      if (source.kind === 'image') add(source.reference, source.reference, graph.platform);
  }
  return [...wanted.values()];
}

function byPlatform(wanted: readonly WantedConfig[]): readonly (readonly [Platform, readonly WantedConfig[]])[] {
  const groups = new Map<string, [Platform, WantedConfig[]]>();
  for (const one of wanted) {
    const name = formatPlatform(one.platform);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one.platform, [one]]);
    else group[1].push(one);
  }
  return [...groups.values()];
}

/** References of the images that stages start from by the name of a named context. */
function namedImages(
  {settings}: Pick<PreparedJob, 'settings'>,
  {graph}: Plan,
  driver: Driver['name'],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const {base, reachable} of graph.stages) {
    if (base.kind !== 'context' || !reachable) continue;
    const named = settings.contexts.get(base.name);
    if (named?.kind === 'image') found.set(base.name, named.reference);
    // Only this engine reads layouts itself.
    if (named?.kind === 'oci-layout' && driver === 'embedded') {
      const tag = named.tag === undefined ? '' : `:${named.tag}`;
      const digest = named.digest === undefined ? '' : `@${named.digest}`;
      found.set(base.name, `oci-layout://${named.path}${tag}${digest}`);
    }
  }
  return found;
}

/** The FROM that names the image which the error is about: the only one, or the one whose name is in the message. */
function placed(error: BuildError, {dockerfile, graph}: Plan, references: readonly string[]): BuildError {
  const about = references.length === 1 ? references : references.filter((each) => error.message.includes(each));
  const stage = graph.stages.find(({base}) => base.kind === 'image' && about.includes(base.reference));
  if (stage === undefined) return error;
  return error.with({file: dockerfile.file, source: dockerfile.text, range: {start: stage.line, end: stage.line}});
}
