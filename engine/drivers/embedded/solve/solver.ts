import {BuildError, type SourceRange} from '../../../base/errors.js';
import type {Platform} from '../../../oci/platform.js';
import type {EventSink} from '../../../progress/events.js';
import {cacheKey, type KeyPart} from '../../../plan/cache-key.js';
import type {Plan} from '../../../plan/plan.js';
import type {Mount, Operation, Source, Stage, StageStep} from '../../../stages/graph.js';
import type {BuildRequest, StepOutcome} from '../../driver.js';
import type {ImportedStep} from '../cache/imports.js';
import {copyOf} from './content-key.js';
import {partsOf} from './step-parts.js';
import {type DeferredLayer, emptyTree, type StepLayer, type Tree} from './tree.js';

/** What a step made. */
export interface Result {
  /** Of the file system it left: the job's, or one of its own where the step was run again on purpose. */
  readonly key: string;
  readonly snapshot: string;
  /** Snapshots that are its layer, bottom first; the last one is `snapshot`. */
  readonly parts: readonly string[];
  readonly cached: boolean;
  readonly seconds: number;
  /** When the step that made it ended, ISO 8601. */
  readonly created: string;
  /** What tells it from what an earlier run of the same step left, where `--no-cache` asked for another. */
  readonly run?: string | undefined;
}

/** A result that is known to be there, here or in an imported cache, while its files are not here. */
export interface DeferredResult extends Pick<Result, 'key' | 'run' | 'created'> {
  /** Undefined: no cache has its files, it runs again where they are wanted. */
  readonly imported: ImportedStep | undefined;
  /** Brings the files, or where that fails runs the step. Idempotent. */
  land(): Promise<Result>;
  prefetch(): void;
}

/** A step of the Dockerfile, or the files of a directory that FROM names. */
export type SolvedStep = Omit<StageStep, 'statement'>;

/** One step to be looked up or run. */
export interface StepJob {
  readonly stage: Stage;
  readonly step: SolvedStep;
  readonly key: string;
  readonly parts: readonly KeyPart[];
  readonly parent: Tree;
  /** Trees of other stages and images that the step reads, by `sourceId`. */
  readonly inputs: ReadonlyMap<string, Tree>;
}

/** What the solver needs done; how is not its business. */
export interface SolverWork {
  /** A base image or a named context as a tree: what it has for `platform`. */
  source(source: Source, platform: Platform): Promise<Tree>;
  /** What COPY and ADD read, and a bind mount of a directory, as parts of the key. */
  contentParts(
    operation: Operation,
    source: Source,
    mount: Mount | undefined,
    tree: Tree | undefined,
  ): Promise<readonly KeyPart[]>;
  /** The step's result, out of the store or an imported cache, or by running it. */
  result(job: StepJob, signal: AbortSignal): Promise<Result | DeferredResult>;
  /** Resolves when all results have been stored; rejects with what kept one from it. */
  settled?(): Promise<void>;
  /** Told of every result. */
  solved?(job: StepJob, result: Result | DeferredResult, layer: StepLayer | DeferredLayer): void;
}

export interface Solved {
  /** Trees of the target and of the stages to keep, by index. */
  readonly trees: ReadonlyMap<number, Tree>;
  readonly steps: readonly StepOutcome[];
}

/** The root is always there: `WORKDIR /` makes no layer, as with BuildKit. */
const makesNothing = (operation: Operation): boolean =>
  operation.kind === 'config' || (operation.kind === 'workdir' && operation.path === '/');

/** One name for one source. */
export function sourceId(source: Source): string {
  switch (source.kind) {
    case 'stage':
      return `stage:${source.index}`;
    case 'image':
      return `image:${source.reference}`;
    case 'context':
      return `context:${source.name}`;
    case 'main-context':
    case 'scratch':
      return source.kind;
    default:
      throw new Error(`unreachable: ${String(source satisfies never)}`);
  }
}

/**
 * Walks the stages that the target and `request.keepStages` need: independent ones side by side, the steps of one in
 * order. The first failure stops the others, and is what it rejects with once they have ended.
 */
export async function solve(
  plan: Plan,
  request: BuildRequest,
  work: SolverWork,
  events: EventSink,
  signal: AbortSignal,
): Promise<Solved> {
  const {graph} = plan;
  const steps: StepOutcome[] = [];
  const trees = new Map<number, Promise<Tree>>();
  const running = new Set<Promise<unknown>>();
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);

  const stageTree = (index: number): Promise<Tree> => {
    const known = trees.get(index);
    if (known !== undefined) return known;
    const stage = graph.stages[index];
    if (stage === undefined) throw new Error(`no stage ${index}`);
    const tree = solveStage(stage);
    trees.set(index, tree);
    running.add(tree);
    // Whoever waits for it sees the failure; this only keeps it from being unhandled, and stops the rest.
    tree.catch((error: unknown) => stop.abort(error));
    return tree;
  };
  /** COPY --from and mounts read images for the platform of the build, FROM for that of its stage. */
  const sourceTree = (source: Source, platform: Platform = graph.platform): Promise<Tree> | undefined => {
    if (source.kind === 'main-context' || isDirectory(source)) return undefined;
    if (source.kind === 'scratch') return Promise.resolve(emptyTree);
    return source.kind === 'stage' ? stageTree(source.index) : work.source(source, platform);
  };

  const isDirectory = (source: Source): boolean =>
    source.kind === 'context' && request.contexts.get(source.name)?.kind === 'directory';

  /** Says where in the Dockerfile it happened, unless that is known. */
  async function at<T>(range: SourceRange, action: () => T): Promise<Awaited<T>> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      const {file, text} = plan.dockerfile;
      throw error.with({file, source: text, range});
    }
  }

  async function solveStage(stage: Stage): Promise<Tree> {
    // What later steps read is begun at once, not when its reader's turn has come.
    for (const index of stage.needs) void stageTree(index);
    const from = {start: stage.line, end: stage.line};
    const based = await at(from, () =>
      isDirectory(stage.base)
        ? solveStep(stage, directoryStep(stage), emptyTree)
        : sourceTree(stage.base, stage.platform),
    );
    let tree: Tree = based ?? emptyTree;
    if (stage.fromName !== undefined && !isDirectory(stage.base))
      events.emit({type: 'step-cached', step: stage.fromId, name: stage.fromName, planStep: stage.fromId});
    for (const step of stage.steps) {
      if (makesNothing(step.operation)) continue;
      either.throwIfAborted();
      const before = tree;
      tree = await at(step.range, () => solveStep(stage, step, before));
    }
    return tree;
  }

  async function solveStep(stage: Stage, step: SolvedStep, parent: Tree): Promise<Tree> {
    const inputs = new Map<string, Tree>();
    const found = await partsOf(
      step,
      {...graph, platform: stage.platform},
      request,
      async (source, operation, mount) => {
        const tree = await sourceTree(source);
        if (tree !== undefined) inputs.set(sourceId(source), tree);
        // A mounted stage or image counts as a whole, a directory by what is in it.
        if (mount !== undefined && tree !== undefined)
          return [{kind: 'input', name: `mount ${mount.target ?? ''}`, value: tree.key}];
        return work.contentParts(operation, source, mount, tree);
      },
    );
    for (const source of step.reads) {
      const tree = await sourceTree(source);
      if (tree !== undefined) inputs.set(sourceId(source), tree);
    }
    const parts: readonly KeyPart[] = [...found, {kind: 'input', name: 'before', value: parent.key}];
    const key = cacheKey(parts);
    events.emit({type: 'step-key', step: step.id, key, parts});
    const job = {stage, step, key, parts, parent, inputs};
    const result = await work.result(job, either);
    const layer = layerOf(job, result);
    work.solved?.(job, result, layer);
    return {
      key: result.key,
      layers: [...parent.layers, layer],
      chain: async () => {
        // What lies below is fetched meanwhile, bottom or top.
        if (layer.kind === 'deferred') layer.prefetch();
        const below = await parent.chain();
        return [...below, ...(layer.kind === 'deferred' ? await layer.land() : layer).parts];
      },
    };
  }

  function layerOf({stage, step, parent}: StepJob, result: Result | DeferredResult): StepLayer | DeferredLayer {
    const outcome = {step: step.id, name: step.name, stage: stage.label, line: step.line};
    const stepLayer = ({created, snapshot, parts}: Result): StepLayer => ({
      kind: 'step',
      step: step.id,
      created,
      snapshot,
      parts,
      below: parent.chain,
    });
    if ('snapshot' in result) {
      steps.push({...outcome, cached: result.cached, seconds: result.seconds});
      return stepLayer(result);
    }
    const place = steps.push({...outcome, cached: true, seconds: 0}) - 1;
    let here: StepLayer | undefined;
    const land = async (): Promise<StepLayer> => {
      const made = await at(step.range, () => result.land());
      steps[place] = {...outcome, cached: made.cached, seconds: made.seconds};
      return (here = stepLayer(made));
    };
    return {kind: 'deferred', step: step.id, prefetch: () => result.prefetch(), land, here: () => here};
  }

  /** `FROM` a named context that is a directory: a COPY of all of it. */
  function directoryStep({base, fromId, fromName, line}: Stage): SolvedStep {
    const name = fromName ?? `FROM ${base.kind === 'context' ? base.name : ''}`;
    const operation = {...copyOf({source: '/'}), source: base};
    const range = {start: line, end: line};
    const nothing = {env: [], args: [], reads: [], config: {}, createdBy: undefined, trigger: false};
    return {id: fromId, operation, line, range, text: name, name, ...nothing};
  }

  try {
    const wanted = [...new Set([graph.target, ...request.keepStages])];
    const found = await Promise.all(wanted.map(async (index) => [index, await stageTree(index)] as const));
    await work.settled?.();
    return {trees: new Map(found), steps};
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(running);
    // The steps that ended before stay cached.
    await work.settled?.().catch(() => undefined);
    throw error;
  }
}
