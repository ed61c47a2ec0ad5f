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
    const found = await driver.imageConfigs(missing, request, events, signal);
    if (found.size === 0) return plan;
    for (const [reference, config] of found) known.set(reference, config);
    plan = job.planWith(known);
  }
  return plan;
}
