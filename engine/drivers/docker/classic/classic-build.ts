import {readFile} from 'node:fs/promises';
import {isAbsolute, relative, resolve, sep} from 'node:path';
import type {Writable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {BuildError, messageOf} from '../../../base/errors.js';
import type {BuildContext, ContextEntry} from '../../../context/context.js';
import {contextTar, type ExtraFile} from '../../../context/tar/context-tar.js';
import type {Plan} from '../../../plan/plan.js';
import type {EventSink} from '../../../progress/events.js';
import type {BuildRequest} from '../../driver.js';
import {nameStages} from '../attributes.js';
import {bodyOf, type Daemon} from '../daemon.js';
import type {DaemonBuild} from '../driver.js';
import {commonFailure, lost, shortened, stepFailed} from '../failure.js';
import {checkClassic} from '../frontend-limits.js';
import {saveImage, savedOutputs} from '../outputs/outputs.js';
import {watchSteps} from '../step-timeout.js';
import {type ClassicLog, createClassicLog} from './messages.js';
import {ndjson} from './ndjson.js';
import {classicQuery, hostOf, registryHeader} from './query.js';

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
    const {dockerfile, extra} = await sentFiles(plan, request, stage, either);
    const path = `/build?${classicQuery(plan, request, stage, dockerfile)}`;
    const headers = {'Content-Type': 'application/x-tar', ...(await registryHeader(plan, request))};
    const body = contextTar(request.context, {extra, reuse: true}, either);
    const response = await daemon.request({method: 'POST', path, headers, body}, either);
    for await (const message of ndjson(bodyOf(daemon, response, either))) log.take(message);
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

interface Sent {
  readonly dockerfile: string;
  readonly extra: readonly ExtraFile[];
}

/**
 * The context's own Dockerfile where it is what is built. Any other goes under a name of its own, which the daemon takes
 * out of the context again because the ignore file names it.
 */
async function sentFiles(plan: Plan, {context}: BuildRequest, stage: number, signal: AbortSignal): Promise<Sent> {
  const dockerfileText = nameStages(plan, [stage]);
  let ignored = `${sentDockerfile}\n.dockerignore\n`;
  let ignoreFileSent = false;
  for await (const entry of context.walk(signal)) {
    if (entry.type !== 'file') continue;
    if (isDockerfile(plan, context.root, entry.path) && (await contentOf(context, entry)) === dockerfileText) {
      return {dockerfile: entry.path, extra: []};
    }
    // One that is part of the context stays in it.
    if (entry.path === '.dockerignore') {
      ignored = `${await contentOf(context, entry)}\n${sentDockerfile}\n`;
      ignoreFileSent = true;
    }
  }
  // The context's own Dockerfile that the ignore file leaves out: that takes it out again at the daemon, too.
  const own = relative(context.root, resolve(plan.dockerfile.file));
  const below = !isAbsolute(own) && own.split(sep)[0] !== '..';
  if (below && ignoreFileSent && context.ignoreFile === '.dockerignore') {
    const onDisk = await readFile(resolve(context.root, own), 'utf8').catch(() => undefined);
    if (onDisk === dockerfileText) {
      const path = own.split(sep).join('/');
      return {dockerfile: path, extra: [{path, content: dockerfileText}]};
    }
  }
  const extra = [
    {path: sentDockerfile, content: dockerfileText},
    {path: '.dockerignore', content: ignored},
  ];
  return {dockerfile: sentDockerfile, extra};
}

function isDockerfile(plan: Plan, root: string, path: string): boolean {
  const {file} = plan.dockerfile;
  return path === file || resolve(root, path) === resolve(file);
}

async function contentOf(context: BuildContext, entry: ContextEntry): Promise<string> {
  return text(context.open(entry));
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
  if (step !== undefined && failure?.exitCode !== undefined) return stepFailed(step.name, failure.exitCode, where);
  const known = commonFailure(message, where, plan.graph.images.map(hostOf));
  if (known !== undefined) return known;
  if (step === undefined) return new BuildError('BUILD_FAILED', shortened(message), where);
  return new BuildError('STEP_FAILED', `${step.name} failed: ${shortened(message)}`, where);
}

function transportFailure(error: unknown, plan: Plan): BuildError {
  if (!(error instanceof BuildError)) return lost(error, messageOf(error));
  if (error.code === 'DAEMON_LOST') return lost(error, messageOf(error.details.cause));
  // Refused as a whole: the daemon's parser names the line in its words.
  if (error.code !== 'DAEMON_FAILED') return error;
  const where = {file: plan.dockerfile.file, source: plan.effectiveText, cause: error.details.cause};
  return (
    commonFailure(error.message, where, plan.graph.images.map(hostOf)) ??
    new BuildError('BUILD_FAILED', shortened(error.message), where)
  );
}
