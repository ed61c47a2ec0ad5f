import {createHash} from 'node:crypto';
import type {Platform} from '../../oci/platform.js';
import type {Plan} from '../../plan/plan.js';
import type {EventSink} from '../../progress/events.js';
import type {Operation, Source} from '../../stages/graph.js';
import {closeStore, openStore} from '../../store/open.js';
import type {BuildRequest, PredictedStep} from '../driver.js';
import {createImageSource} from './images/open-source.js';
import {sourceReference} from './images-of-build.js';
import {createBaseTrees} from './solve/base-trees.js';
import {askedSources} from './solve/asked-sources.js';
import {createContentKeys} from './solve/content-key.js';
import {createLookup} from './solve/lookup.js';
import {isFreshStep} from './solve/fresh.js';
import {NotCached} from './solve/not-cached.js';
import {type Result, solve, type SolverWork, type StepJob} from './solve/solver.js';

/**
 * Which steps the store would answer, by their ids, with the keys they would be looked for by. Nothing is run or made. A
 * step that reads what an earlier one has yet to make is `unknown` (its key is of what it reads), and so are those after
 * it; a step that cannot be looked up, as where a file is missing, is left out.
 */
export async function predictBuild(
  root: string,
  rootless: boolean,
  plan: Plan,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PredictedStep>> {
  const store = openStore(root, signal);
  const found = new Map<string, PredictedStep>();
  const keys = new Map<string, Pick<PredictedStep, 'key' | 'parts'>>();
  const events: EventSink = {
    emit(event) {
      if (event.type === 'step-key') keys.set(event.step, {key: event.key, parts: event.parts});
    },
  };
  const {credentials, pull, bases: baseOptions} = request;
  const images = createImageSource({store, events, pull, bases: baseOptions, directory: '/', credentials});
  const resolve = (source: Source, platform: Platform) =>
    images.resolve(sourceReference(source, request), platform, signal);
  const bases = createBaseTrees({store, rootless, mayUnpack: false, events, signal, resolve});
  const contents = createContentKeys({
    store,
    request,
    asked: askedSources(plan.graph),
    signal,
    mountTree: undefined,
    keepLists: true,
  });
  const lookup = createLookup(store, bases, contents, {emit: () => undefined});
  const unread = new Set<Operation>();
  const unknown = new Set<string>();

  const work: SolverWork = {
    source: (source, platform) => lookup.source(source, platform),
    async contentParts(operation, source, mount, tree) {
      try {
        return await lookup.contentParts(operation, source, mount, tree);
      } catch (error) {
        if (!(error instanceof NotCached)) throw error;
        unread.add(operation);
        return [{kind: 'content', name: mount === undefined ? 'files' : `mount ${mount.target ?? ''}`, value: null}];
      }
    },
    result(job) {
      const [cached, key] = verdict(job);
      found.set(job.step.id, {key: job.key, parts: keys.get(job.step.id)?.parts ?? [], cached});
      if (cached === 'unknown') unknown.add(key);
      const result: Result = {key, snapshot: '', parts: [], cached: cached === true, seconds: 0, created: ''};
      return Promise.resolve(result);
    },
  };

  try {
    await solve(plan, request, work, events, signal);
  } catch {
    // What is wrong is for the build to say; what comes after it is not known.
    signal.throwIfAborted();
  } finally {
    contents.close();
    await images.close();
    closeStore(store);
  }
  return found;

  /** What is predicted of the step, and the key of what it leaves. */
  function verdict(job: StepJob): [PredictedStep['cached'], string] {
    if (isFreshStep(request, job.stage)) {
      return [false, createHash('sha256').update(`${job.key} to run`).digest('hex')];
    }
    const inputs = [job.parent, ...job.inputs.values()];
    const before = found.get(lastOf(job) ?? '');
    const isUnknown = unread.has(job.step.operation) || inputs.some(({key}) => unknown.has(key));
    // What a step starts from is in its key: on a result that nobody has had yet there is none.
    if (isUnknown) return [before?.cached === false ? false : 'unknown', job.key];
    const hit = lookup.find(job) ?? lookup.known(job, () => Promise.reject(new NotCached(job.step.name)));
    return hit === undefined ? [false, job.key] : [true, hit.key];
  }

  /** Id of the step whose result it starts from. */
  function lastOf({parent}: StepJob): string | undefined {
    const top = parent.layers.at(-1);
    return top?.kind === 'step' ? top.step : undefined;
  }
}
