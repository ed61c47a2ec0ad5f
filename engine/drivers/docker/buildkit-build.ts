import {randomBytes} from 'node:crypto';
import type {Plan} from '../../plan/plan.js';
import type {EventSink} from '../../progress/events.js';
import type {BuildRequest} from '../driver.js';
import {openBuildkit} from './buildkit.js';
import type {Daemon} from './daemon.js';
import type {DaemonBuild} from './driver.js';
import {removeImage, stageLabel} from './stage-images.js';

/**
 * Builds the target with its outputs, and an image of each kept stage, over one session: what the target already made of
 * a stage is cached by then. Stages that the target does not need come first, so that a tag appears when all is well.
 */
export async function buildWithBuildkit(
  daemon: Daemon,
  plan: Plan,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
): Promise<DaemonBuild> {
  const build = await openBuildkit(daemon, plan, request, events, signal);
  const stages = new Map<number, string>();
  // Makes the image one of its own, which nobody else's removal takes away and whose removal harms nobody.
  const run = randomBytes(8).toString('hex');
  const {target} = plan.graph;
  const keep = async (index: number): Promise<void> => {
    if (stages.has(index)) return;
    const id = imageId(await build.solve(index, {type: 'moby', attributes: {}}, {[stageLabel]: run}));
    if (id !== undefined) stages.set(index, id);
  };
  try {
    const apart = request.keepStages.filter((index) => plan.graph.stages[index]?.reachable !== true);
    for (const index of apart) await keep(index);
    const response = await build.solve(target, {type: 'moby', attributes: {name: request.tags.join(',')}});
    const configDigest = imageId(response);
    for (const index of request.keepStages) {
      if (index === target && configDigest !== undefined) stages.set(index, configDigest);
      else await keep(index);
    }
    const digest = response['containerimage.digest'];
    return {
      configDigest,
      manifestDigest: digest === configDigest ? undefined : digest,
      steps: build.trace.outcomes(),
      stages,
      temporary: [...stages.values()].filter((id) => id !== configDigest),
    };
  } catch (error) {
    for (const id of stages.values()) await removeImage(daemon, id).catch(() => undefined);
    throw error;
  } finally {
    build.close();
  }
}

/** Docker 20.10 gives the image ID as `containerimage.digest`, later ones beside it. */
function imageId(response: Readonly<Record<string, string>>): string | undefined {
  return response['containerimage.config.digest'] ?? response['containerimage.digest'];
}
