import {randomBytes} from 'node:crypto';
import type {Writable} from 'node:stream';
import type {Plan} from '../../plan/plan.js';
import type {EventSink} from '../../progress/events.js';
import type {BuildRequest} from '../driver.js';
import {type BuildkitBuild, openBuildkit} from './buildkit.js';
import type {Daemon} from './daemon.js';
import type {DaemonBuild} from './driver.js';
import {checkBuildkit} from './frontend-limits.js';
import {receiveOutput, saveImage, savedOutputs, wantsImage} from './outputs/outputs.js';
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
  stdout: Writable | undefined,
): Promise<DaemonBuild> {
  await checkBuildkit(plan, request, daemon, signal);
  const build = await openBuildkit(daemon, plan, request, events, signal);
  const stages = new Map<number, string>();
  const temporary: string[] = [];
  // Makes the image one of its own, which nobody else's removal takes away and whose removal harms nobody.
  const run = randomBytes(8).toString('hex');
  const keep = async (index: number): Promise<void> => {
    if (stages.has(index)) return;
    const id = imageId(await build.solve(index, {type: 'moby', attributes: {}}, {[stageLabel]: run}));
    if (id === undefined) return;
    stages.set(index, id);
    temporary.push(id);
  };
  try {
    const apart = request.keepStages.filter((index) => plan.graph.stages[index]?.reachable !== true);
    for (const index of apart) await keep(index);
    const image = await buildImage(build, plan, request);
    if (image !== undefined && request.tags.length === 0 && !wantsImage(request.outputs)) temporary.push(image.id);
    for (const output of request.outputs) {
      if (output.type !== 'tar' && output.type !== 'local') continue;
      await build.solve(plan.graph.target, {
        type: 'tar',
        attributes: output.attributes,
        receive: (content, abort) => receiveOutput(output, content, stdout, events, AbortSignal.any([abort, signal])),
      });
    }
    for (const output of savedOutputs(request.outputs)) {
      const names = request.tags.length === 0 && image !== undefined ? [image.id] : request.tags;
      await saveImage(daemon, names, output, stdout, signal);
    }
    for (const index of request.keepStages) {
      if (index === plan.graph.target && image !== undefined) stages.set(index, image.id);
      else await keep(index);
    }
    return {
      configDigest: image?.id,
      manifestDigest: image?.manifest,
      steps: build.trace.outcomes(),
      stages,
      temporary,
    };
  } catch (error) {
    for (const id of temporary) await removeImage(daemon, id).catch(() => undefined);
    throw error;
  } finally {
    await build.close();
  }
}

interface Image {
  readonly id: string;
  readonly manifest: string | undefined;
}

async function buildImage(build: BuildkitBuild, plan: Plan, request: BuildRequest): Promise<Image | undefined> {
  if (!wantsImage(request.outputs) && savedOutputs(request.outputs).length === 0) return undefined;
  const {tags, outputs} = request;
  // The daemon pushes what it has stored, when all is well.
  const given = outputs.find(({type}) => type === 'image')?.attributes ?? {};
  const own = Object.fromEntries(Object.entries(given).filter(([name]) => name !== 'push'));
  const response = await build.solve(plan.graph.target, {
    type: 'moby',
    attributes: {...own, ...(tags.length > 0 && {name: tags.join(',')})},
  });
  const id = imageId(response);
  if (id === undefined) return undefined;
  const digest = response['containerimage.digest'];
  return {id, manifest: digest === id ? undefined : digest};
}

/** Docker 20.10 gives the image ID as `containerimage.digest`, later ones beside it. */
function imageId(response: Readonly<Record<string, string>>): string | undefined {
  return response['containerimage.config.digest'] ?? response['containerimage.digest'];
}
