import {basename, dirname} from 'node:path';
import type {Writable} from 'node:stream';
import {BuildError} from '../../base/errors.js';
import {prepareSyscalls} from '../../base/syscalls.js';
import type {Plan} from '../../plan/plan.js';
import type {EventSink} from '../../progress/events.js';
import type {EndpointOptions} from '../../registry/endpoint.js';
import {closeStore, openStore} from '../../store/open.js';
import {recoverKilled} from '../../store/recover.js';
import {claimSnapshot, snapshotFs} from '../../store/snapshots.js';
import {prepareSync, type SnapshotSync} from '../../store/sync-snapshots.js';
import type {BuildRequest, Built, Driver} from '../driver.js';
import {openUrlContexts} from './url-contexts.js';
import {type BuildOutcome, runBuild} from './build.js';
import {checkCaches} from './cache/check-caches.js';
import type {EarlyExecutor} from './early-executor.js';
import type {NamespacedProcess} from './enter-namespace.js';
import {compressionOf} from './layer-blobs.js';
import {type WriteOut, writeToStream} from './outputs/destination.js';
import {type OpenLoad, withLoad} from './outputs/load-output.js';
import {errorOf, type FromExecutor, type ToExecutor, wireRequest} from './protocol.js';
import {readTree} from './read-tree.js';
import {readTreeAsUser} from './read-tree-as-user.js';
import {NotCached} from './solve/not-cached.js';
import {isRootless} from './rootless.js';

export interface EmbeddedDriverOptions {
  /** The store, absolute. */
  readonly root: string;
  /** Of the caller: a user other than root builds in a user namespace. */
  readonly uid: number;
  /** Where an output goes whose destination is `-`. */
  readonly stdout?: Writable;
  /** Mirrors, and registries without TLS. */
  readonly registries?: EndpointOptions;
  /** Where an output `type=docker` without a destination goes. */
  readonly load?: OpenLoad;
  /** Builds first. Whoever started it drops it. */
  readonly early?: EarlyExecutor | undefined;
}

/**
 * Builds without a daemon. A build whose steps are all in the store is answered by this process; at the first step that
 * has to run, an executor is started in namespaces of its own, which take every mount and process with them when it ends.
 */
export function createEmbeddedDriver(options: EmbeddedDriverOptions): Driver {
  const outcomes = new WeakMap<Built, BuildOutcome>();
  const rootless = isRootless(options.uid);
  const bases = {pulled: new Set<string>(), ...options.registries};
  return {
    name: 'embedded',
    async imageConfigs(references, request, events, signal) {
      const {imageConfigs} = await import('./image-configs.js');
      return imageConfigs(options.root, references, {...request, bases}, events, signal);
    },
    async predict(plan, request, signal) {
      const {predictBuild} = await import('./predict.js');
      return predictBuild(options.root, rootless, plan, {...request, bases}, signal);
    },
    async build(plan, request, events, signal) {
      checkCaches(request.cacheFrom, 'from');
      checkCaches(request.cacheTo, 'to');
      for (const spec of request.cacheTo) compressionOf(spec);
      const contexts = await openUrlContexts(request.contexts, plan, signal);
      let outcome: BuildOutcome;
      try {
        const local = {...request, bases, contexts: contexts.opened};
        const stdout = (bytes: Uint8Array): Promise<void> => writeToStream(options.stdout, bytes);
        const {root, load, early} = options;
        outcome = await withLoad(request.outputs, stdout, load, events, signal, (write) =>
          buildAnywhere(plan, local, events, signal, {root, rootless, write, early}),
        );
      } finally {
        // The next build with this driver asks again.
        bases.pulled.clear();
        await contexts.close();
      }
      const built: Built = {
        driver: 'embedded',
        manifestDigest: outcome.manifestDigest,
        descriptor: outcome.descriptor,
        configDigest: outcome.configDigest,
        tags: request.tags,
        steps: outcome.steps,
        layers: outcome.layers,
        close: holdStages(options.root, outcome, signal),
      };
      outcomes.set(built, outcome);
      return built;
    },
    async shell(plan, request, shell, signal) {
      const {shellInExecutor} = await import('./shell-front.js');
      const contexts = await openUrlContexts(request.contexts, plan, signal);
      try {
        return await shellInExecutor(
          options.root,
          rootless,
          plan,
          {...request, bases, contexts: contexts.opened},
          shell,
          signal,
        );
      } finally {
        await contexts.close();
      }
    },
    async *readFailed(key, path, signal) {
      const {readFailure} = await import('../../store/failures.js');
      const store = openStore(options.root, signal);
      try {
        const failed = readFailure(store, key);
        if (failed === undefined) throw new BuildError('NOT_FOUND', 'what the failed step left is not there any more');
        const directories = [failed.snapshot, ...failed.below.toReversed()].map((id) => snapshotFs(store, id));
        yield* rootless
          ? readTreeAsUser(directories, path, 'user.overlay.', signal)
          : readTree(directories, path, 'trusted.overlay.', signal);
      } finally {
        closeStore(store);
      }
    },
    readTree(built, stage, path, signal) {
      const directories = outcomes.get(built)?.stages.get(stage);
      if (directories === undefined) throw new BuildError('NOT_FOUND', `stage ${stage} was not kept by this build`);
      return rootless
        ? readTreeAsUser(directories, path, 'user.overlay.', signal)
        : readTree(directories, path, 'trusted.overlay.', signal);
    },
  };
}

interface Place {
  readonly root: string;
  readonly rootless: boolean;
  /** Takes an output that goes to standard output, or to the daemon. */
  readonly write: WriteOut;
  readonly early: EarlyExecutor | undefined;
}

async function buildAnywhere(
  plan: Plan,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
  place: Place,
): Promise<BuildOutcome> {
  const {root, rootless, write, early} = place;
  // One that could not start is none: a build that needs an executor starts it again, and tells why it cannot.
  const started = await early?.take()?.catch(() => undefined);
  // An executor that runs answers a build that finds everything in the store as well, and looks only once.
  if (started === undefined && !request.noCache && request.noCacheFilter.length === 0) {
    // Events are kept back: a build that goes on in the executor tells its steps from the start.
    const held: Parameters<EventSink['emit']>[0][] = [];
    try {
      const sink = {emit: (event: (typeof held)[number]) => void held.push(event)};
      const outcome = await runBuild(plan, request, {
        root,
        rootless,
        mayRun: false,
        events: sink,
        stdout: write,
        signal,
      });
      for (const event of held) events.emit(event);
      return outcome;
    } catch (error) {
      // On a full disk the executor makes room first.
      const full = error instanceof BuildError && error.code === 'NO_SPACE';
      if (!(error instanceof NotCached) && !full) throw error;
    }
  }
  return buildInExecutor(plan, request, events, signal, place, started);
}

/** Keeps the stages that artifacts are taken from, also from a `prune` that runs meanwhile, until the result is called. */
function holdStages(root: string, {stages}: BuildOutcome, signal: AbortSignal): () => Promise<void> {
  if (stages.size === 0) return () => Promise.resolve();
  const store = openStore(root, signal);
  for (const [top] of stages.values()) if (top !== undefined) claimSnapshot(store, basename(dirname(top)));
  return () => {
    closeStore(store);
    return Promise.resolve();
  };
}

/** Moves away what an executor that was killed left half-made; its mounts went with it. */
function tidyUp(root: string): void {
  try {
    const store = openStore(root, new AbortController().signal);
    recoverKilled(store);
    closeStore(store);
  } catch {
    // Why the executor ended is the error to tell; the next build tries again.
  }
}

const said = (errors: string): string => (errors.trim() === '' ? '' : `: ${errors.trim()}`);

/** In ms: then all that the executor waits for has been sent. */
const idleSoon = 30;

async function buildInExecutor(
  plan: Plan,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
  {root, rootless, write}: Place,
  started: NamespacedProcess | undefined,
): Promise<BuildOutcome> {
  const {startExecutor} = await import('./start-executor.js');
  const executor = started ?? (await startExecutor(rootless, {signal}));
  if (signal.aborted) await executor.kill();
  signal.throwIfAborted();
  const {channel} = executor;
  const send = (message: ToExecutor): void => void channel.send(message);
  const state = {lost: false};
  const onAbort = (): void => send({type: 'abort'});
  let done = false;
  let sync: SnapshotSync | undefined;
  // While the executor works: the artifacts are read by this process.
  const reads = request.keepStages.length > 0 && !rootless;
  const loading = reads ? setTimeout(prepareSyscalls, idleSoon) : undefined;
  try {
    const outcome = await new Promise<BuildOutcome>((resolve, reject) => {
      channel.on('message', (message: FromExecutor) => {
        switch (message.type) {
          case 'events':
            for (const event of message.events) events.emit(event);
            // While the executor works: at the end it would be waited for.
            if (message.events.some(({type}) => type === 'step-started')) sync ??= prepareSync();
            return;
          case 'output':
            Promise.resolve(write(message.bytes)).then(() => send({type: 'output-taken'}), reject);
            return;
          case 'ask-credentials':
            request
              .credentials(message.host)
              .then((found) => send({type: 'credentials', id: message.id, found}), reject);
            return;
          case 'done':
            resolve(message.outcome);
            return;
          case 'shell-ended':
            return;
          case 'failed':
            reject(errorOf(message.error));
            return;
          default:
            throw new Error(`unreachable: ${String(message satisfies never)}`);
        }
      });
      void executor.ended.then((status) => {
        state.lost = true;
        reject(
          new BuildError('IO', `the executor ended before the build did (status ${status})${said(executor.errors())}`, {
            remedy: 'It was killed, perhaps for want of memory, or has a fault. Build again: finished steps are kept.',
          }),
        );
      });
      signal.addEventListener('abort', onAbort, {once: true});
      send({type: 'build', root, rootless, plan, request: wireRequest(request)});
    });
    done = true;
    return outcome;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(loading);
    signal.removeEventListener('abort', onAbort);
    const byItself = state.lost;
    const gone = executor.kill();
    // Who started it early waits for its end, and has something to do until then.
    if (!done || started === undefined) await gone;
    // Also where this side failed: what it was to take from the executor, or to give to it.
    if (byItself || !done) tidyUp(root);
    // After one that failed or was interrupted nothing goes on; what its steps left is written after the next.
    if (done) (sync ?? prepareSync()).begin(root);
    else sync?.cancel();
  }
}
