import {BuildError} from '../base/errors.js';
import type {Driver} from '../drivers/driver.js';
import type {ImageConfig} from '../oci/config.js';
import type {Plan} from '../plan/plan.js';
import type {EventSink} from '../progress/events.js';
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
    const named = namedImages(job, plan, driver.name);
    const wanted = [...new Set([...plan.graph.images, ...named.values()])];
    const missing = wanted.filter((reference) => !known.has(reference));
    if (missing.length === 0) return plan;
    const request = {pull: job.settings.pull, credentials, platform: plan.graph.platform};
    let found: ReadonlyMap<string, ImageConfig>;
    try {
      found = await driver.imageConfigs(missing, request, events, signal);
    } catch (error) {
      throw error instanceof BuildError ? placed(error, plan, missing) : error;
    }
    if (found.size === 0) return plan;
    for (const [reference, config] of found) known.set(reference, config);
    for (const [name, reference] of named) {
      const config = known.get(reference);
      if (config !== undefined) known.set(name, config);
    }
    plan = job.planWith(known);
  }
  return plan;
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
