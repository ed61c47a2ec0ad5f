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
  driver: Pick<Driver, 'imageConfigs'>,
  credentials: JobServices['credentials'],
  events: EventSink,
  signal: AbortSignal,
): Promise<Plan> {
  const known = new Map<string, ImageConfig>();
  let {plan} = job;
  for (let round = 0; round < mostRounds; round++) {
    const missing = plan.graph.images.filter((reference) => !known.has(reference));
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
    plan = job.planWith(known);
  }
  return plan;
}

/** The FROM that names the image which the error is about: the only one, or the one whose name is in the message. */
function placed(error: BuildError, {dockerfile, graph}: Plan, references: readonly string[]): BuildError {
  const about = references.length === 1 ? references : references.filter((each) => error.message.includes(each));
  const stage = graph.stages.find(({base}) => base.kind === 'image' && about.includes(base.reference));
  if (stage === undefined) return error;
  return error.with({file: dockerfile.file, source: dockerfile.text, range: {start: stage.line, end: stage.line}});
}
