import type {Writable} from 'node:stream';
import {BuildError, messageOf} from '../../../base/errors.js';
import {contextTar, type ExtraFile} from '../../../context/tar/context-tar.js';
import type {Plan} from '../../../plan/plan.js';
import type {EventSink} from '../../../progress/events.js';
import type {BuildRequest} from '../../driver.js';
import {nameStages} from '../attributes.js';
import type {Daemon} from '../daemon.js';
import type {DaemonBuild} from '../driver.js';
import {commonFailure, lost, shortened, signalOf} from '../failure.js';
import {checkClassic} from '../frontend-limits.js';
import {saveImage, savedOutputs} from '../outputs/outputs.js';
import {watchSteps} from '../step-timeout.js';
import {type ClassicLog, createClassicLog} from './messages.js';
import {ndjson} from './ndjson.js';
import {classicQuery, registryHeader} from './query.js';

/** Name of the Dockerfile within what is sent. */
const sentDockerfile = '.build-image.Dockerfile';

/**
 * Builds with the builder of before BuildKit (also Podman's). It builds every stage up to the target, one step after the
 * other, and keeps the image of each as its cache: those of kept stages are read from there, and stay.
 */
export async function buildClassic(
  daemon: Daemon,
  plan: Plan,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
  stdout: Writable | undefined,
): Promise<DaemonBuild> {
  checkClassic(plan, request);
  const {target} = plan.graph;
  const beyond = request.keepStages.filter((index) => index > target).sort((a, b) => b - a);
  const stages = new Map<number, string>();
  // The last one of them builds all before it.
  for (const index of beyond) {
    if (stages.has(index)) continue;
    keepImages(stages, await buildStage(daemon, plan, request, events, signal, index), index);
  }
  const log = await buildStage(daemon, plan, request, events, signal, target);
  const image = log.images.at(-1);
  keepImages(stages, log, target);
  for (const index of request.keepStages) {
    if (stages.has(index)) continue;
    const alone = await buildStage(daemon, plan, request, {emit: () => undefined}, signal, index);
    keepImages(stages, alone, index);
  }
  for (const output of savedOutputs(request.outputs)) {
    const names = request.tags.length === 0 && image !== undefined ? [image] : request.tags;
    await saveImage(daemon, names, output, stdout, signal);
  }
  return {configDigest: image, manifestDigest: undefined, steps: log.outcomes, stages, temporary: []};
}

/** Docker gives the image of every stage, Podman that of the target alone. */
function keepImages(stages: Map<number, string>, {images}: ClassicLog, target: number): void {
  const last = images.at(-1);
  if (last !== undefined) stages.set(target, last);
  if (images.length !== target + 1) return;
  for (const [index, image] of images.entries()) stages.set(index, image);
}

async function buildStage(
  daemon: Daemon,
  plan: Plan,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
  stage: number,
): Promise<ClassicLog> {
  const log = createClassicLog(plan, events);
  const watch = watchSteps(request.stepTimeout, (limit) => {
    const step = log.current();
    if (step === undefined || (log.elapsed() ?? 0) <= limit) return undefined;
    return {name: step.name, range: step.instruction?.range};
  });
  const either = AbortSignal.any([signal, watch.signal]);
  try {
    const path = `/build?${classicQuery(plan, request, stage, sentDockerfile)}`;
    const headers = {'Content-Type': 'application/x-tar', ...(await registryHeader(plan, request))};
    const extra = await extraFiles(plan, request, stage, either);
    const body = contextTar(request.context, {extra}, either);
    const response = await daemon.request({method: 'POST', path, headers, body}, either);
    try {
      for await (const message of ndjson(response)) log.take(message);
    } finally {
      response.destroy();
    }
    if (log.failure === undefined) log.end();
  } catch (error) {
    either.throwIfAborted();
    throw transportFailure(error, plan);
  } finally {
    watch.stop();
  }
  if (log.failure !== undefined) throw stepFailure(log, plan);
  if (log.images.length === 0) throw new BuildError('DAEMON_FAILED', 'the daemon ended the build without an image');
  return log;
}

/**
 * The Dockerfile goes under a name of its own, for the context may lack it or have another. The daemon takes it out of
 * the context again where the ignore file names it.
 */
async function extraFiles(
  plan: Plan,
  {context}: BuildRequest,
  stage: number,
  signal: AbortSignal,
): Promise<readonly ExtraFile[]> {
  let ignored = `${sentDockerfile}\n.dockerignore\n`;
  for await (const entry of context.walk(signal)) {
    if (entry.path > '.dockerignore') break;
    if (entry.path !== '.dockerignore' || entry.type !== 'file') continue;
    // One that is part of the context stays in it.
    const parts: Buffer[] = [];
    for await (const part of context.open(entry)) parts.push(Buffer.from(part as Uint8Array));
    ignored = `${Buffer.concat(parts).toString()}\n${sentDockerfile}\n`;
  }
  return [
    {path: sentDockerfile, content: nameStages(plan, [stage])},
    {path: '.dockerignore', content: ignored},
  ];
}

function stepFailure(log: ClassicLog, plan: Plan): BuildError {
  const {failure} = log;
  const step = log.current();
  const message = failure?.message ?? '';
  const range = step?.instruction?.range;
  const where = {
    file: plan.dockerfile.file,
    source: plan.effectiveText,
    ...(range !== undefined && {range}),
    cause: failure,
  };
  const known = commonFailure(message, where, []);
  if (known !== undefined) return known;
  if (step === undefined) return new BuildError('BUILD_FAILED', shortened(message), where);
  const code = failure?.exitCode;
  const ended = code === undefined ? shortened(message) : `exit code ${code}${signalOf(code)}`;
  return new BuildError('STEP_FAILED', `${step.name} failed: ${ended}`, where);
}

function transportFailure(error: unknown, plan: Plan): BuildError {
  if (!(error instanceof BuildError)) return lost(error, messageOf(error));
  // Refused as a whole: the daemon's parser names the line in its words.
  if (error.code !== 'DAEMON_FAILED') return error;
  const where = {file: plan.dockerfile.file, source: plan.effectiveText, cause: error.details.cause};
  return commonFailure(error.message, where, []) ?? new BuildError('BUILD_FAILED', shortened(error.message), where);
}
