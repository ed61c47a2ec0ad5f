import {messageOf} from '../../base/errors.js';
import type {Descriptor} from '../../oci/manifest.js';
import type {Platform} from '../../oci/platform.js';
import type {Plan} from '../../plan/plan.js';
import type {EventSink} from '../../progress/events.js';
import {createRegistryClient} from '../../registry/client.js';
import type {Source} from '../../stages/graph.js';
import {closeStore, openStore} from '../../store/open.js';
import {lockLease} from '../../store/leases.js';
import {recoverKilled} from '../../store/recover.js';
import {snapshotFs} from '../../store/snapshots.js';
import type {BuildRequest, BuiltLayer, StepOutcome} from '../driver.js';
import {createCollector} from './cache/collect.js';
import {createCacheImports} from './cache/imports.js';
import {createImageSource} from './images/open-source.js';
import type {WriteOut} from './outputs/destination.js';
import {sourceReference} from './images-of-build.js';
import {askedSources} from './solve/asked-sources.js';
import {createBaseTrees} from './solve/base-trees.js';
import {createContentKeys} from './solve/content-key.js';
import {checkEpoch} from './solve/epoch.js';
import {createLookup} from './solve/lookup.js';
import {NotCached} from './solve/not-cached.js';
import {solve, type SolverWork} from './solve/solver.js';
import {emptyTree, landed, type Tree} from './solve/tree.js';
import {stageChain} from './stage-chain.js';
import {createLayerChains} from './layer-chains.js';
import {createMadeLayers} from './made-layers.js';
import {formOf, wantedLayers} from './wanted-layers.js';
import {finishBuild} from './write-outputs.js';

/** What a build needs of the process it runs in. */
export interface BuildPlace {
  /** The store, absolute. */
  readonly root: string;
  /** In a user namespace of an ordinary user. */
  readonly rootless: boolean;
  /** False: only what is in the store; rejects with `NotCached` at the first step that would have to run. */
  readonly mayRun: boolean;
  readonly events: EventSink;
  /** Takes an output whose destination is `-`. */
  readonly stdout: WriteOut;
  readonly signal: AbortSignal;
}

/** Plain data: it may come from another process. */
export interface BuildOutcome {
  readonly manifestDigest: string | undefined;
  readonly descriptor?: Descriptor | undefined;
  readonly configDigest: string | undefined;
  readonly steps: readonly StepOutcome[];
  readonly layers: readonly BuiltLayer[];
  /** Directories of the kept stages' file systems, topmost first, by index of the stage. */
  readonly stages: ReadonlyMap<number, readonly string[]>;
}

/** How long the executor may delete what is not needed any more, ms. */
const trashPatience = {done: 20, failed: 300};

/** Solves the plan and writes its outputs, in this process. Leaves no mount and no half-made snapshot. */
export async function runBuild(plan: Plan, request: BuildRequest, place: BuildPlace): Promise<BuildOutcome> {
  const {root, rootless, mayRun, events, signal} = place;
  checkEpoch(request);
  // What belongs to other users is read in the namespace only.
  if (!mayRun && rootless && request.cacheTo.length > 0) throw new NotCached('a cache to be written');
  const store = openStore(root, signal);
  if (mayRun) {
    recoverKilled(store);
    // Others cannot look up a process of another pid namespace: without it, what a killed build left stays for a day.
    lockLease(store);
  }
  const {credentials, pull, bases: baseOptions} = request;
  const registry = createRegistryClient({
    ...baseOptions,
    credentials,
    note: (message) => events.emit({type: 'note', message}),
  });
  const specs = mayRun && !request.noCache ? request.cacheFrom : [];
  const imports =
    specs.length === 0
      ? undefined
      : createCacheImports({specs, registry, platform: plan.graph.platform, events, signal});
  const collected = request.cacheTo.length === 0 ? undefined : createCollector();
  const images = createImageSource({store, events, pull, bases: baseOptions, directory: '/', credentials});
  const resolve = (source: Source, platform: Platform) =>
    images.resolve(sourceReference(source, request), platform, signal);
  const bases = createBaseTrees({
    store,
    rootless,
    mayUnpack: mayRun,
    events,
    signal,
    resolve,
  });
  const mounts = mayRun ? (await import('./solve/tree-mounts.js')).createTreeMounts(store, rootless) : undefined;
  const contents = createContentKeys({
    store,
    request,
    asked: askedSources(plan.graph),
    signal,
    mountTree: mounts?.mount,
    keepLists: mayRun,
    imported: imports?.content,
    ...(collected !== undefined && {selected: collected.selected}),
  });
  const lookup = createLookup(store, bases, contents, events);
  const runner =
    mounts === undefined
      ? undefined
      : (await import('./solve/runner.js')).createRunner({
          store,
          lookup,
          imports,
          contents,
          mounts,
          plan,
          request,
          place,
        });
  const made = createMadeLayers(store, signal);
  const chains = createLayerChains(made, formOf(place, undefined));
  let patience = trashPatience.failed;
  try {
    const {solved, image} = await solveAndWrite().catch(async (error: unknown) => {
      await saveCaches(error);
      throw error;
    });
    await writeCaches();
    const stages = new Map<number, readonly string[]>();
    for (const index of request.keepStages) {
      const kept = solved.trees.get(index);
      if (kept !== undefined) stages.set(index, await directoriesOf(kept));
    }
    patience = trashPatience.done;
    return {...image, steps: solved.steps, stages};
  } finally {
    chains.close();
    await made.close();
    contents.close();
    mounts?.close();
    await registry.close();
    if (mayRun) await clearAway(patience);
    await images.close();
    closeStore(store);
  }

  async function solveAndWrite() {
    const wanted = wantedLayers(request, place);
    const notesChains = wanted.some(({form}) => form.clamp === undefined);
    const ofImage = new Set(stageChain(plan).map(({index}) => index));
    const work: SolverWork = {
      ...(runner ?? lookup),
      solved(job, result, layer) {
        collected?.solved(job, result, layer);
        if (runner === undefined || layer.kind !== 'step' || !ofImage.has(job.stage.index)) return;
        // What outputs want of it is made while the next steps run.
        for (const each of wanted) made.begin(layer, each);
        if (notesChains) chains.begin(job.parent.layers);
      },
    };
    const solved = await solve(plan, request, work, events, signal);
    const tree = await landed(solved.trees.get(plan.graph.target) ?? emptyTree);
    const [first] = stageChain(plan);
    const base = first === undefined || !isImage(first.base) ? undefined : await resolve(first.base, first.platform);
    const inline = collected !== undefined && request.cacheTo.some(({type}) => type === 'inline');
    const inlineCache = inline ? (await import('./cache/records.js')).inlineCache({store, plan, collected}) : undefined;
    const {mount: mountTree} = mounts ?? {mount: undefined};
    const image = await finishBuild({
      store,
      made,
      chains,
      plan,
      request,
      place,
      tree,
      base: base?.config,
      mountTree,
      inlineCache,
      registry,
    });
    return {solved, image};
  }

  /** It has a configuration; an empty image and a directory have none. */
  function isImage(source: Source): boolean {
    if (source.kind === 'context') return request.contexts.get(source.name)?.kind !== 'directory';
    return source.kind === 'image';
  }

  async function writeCaches(): Promise<void> {
    if (collected === undefined) return;
    const {exportCaches} = await import('./cache/export.js');
    const form = {rootless, clamp: undefined, readable: true};
    await exportCaches(request.cacheTo, {store, made, plan, form, collected, registry, events, signal});
  }

  /** What succeeded before a build failed is worth keeping; the failure is the error to tell. */
  async function saveCaches(failure: unknown): Promise<void> {
    if (collected === undefined || collected.jobs.length === 0 || failure instanceof NotCached || signal.aborted)
      return;
    await writeCaches().catch((error: unknown) => {
      if (!signal.aborted) events.emit({type: 'warning', message: `the cache is not written: ${messageOf(error)}`});
    });
  }

  async function clearAway(milliseconds: number): Promise<void> {
    const {closeRuntime} = await import('./solve/perform.js');
    closeRuntime(store);
    const {emptyTrash} = await import('../../store/empty-trash.js');
    // What is still to be deleted then is left to `prune`; a cancelled build cleans up too.
    await emptyTrash({...store, signal: AbortSignal.timeout(10_000)}, {milliseconds}).catch(() => undefined);
  }

  async function directoriesOf(tree: Tree): Promise<readonly string[]> {
    return [...(await tree.chain())].reverse().map((id) => snapshotFs(store, id));
  }
}
