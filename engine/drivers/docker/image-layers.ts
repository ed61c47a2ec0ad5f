import {json} from 'node:stream/consumers';
import type {Plan} from '../../plan/plan.js';
import type {Stage} from '../../stages/graph.js';
import type {BuiltLayer} from '../driver.js';
import type {Daemon} from './daemon.js';

interface HistoryEntry {
  readonly CreatedBy?: string;
  readonly Size?: number;
}

/** The target and the stages below it, the first one first. */
function chainOf({graph}: Plan): readonly Stage[] {
  const chain: Stage[] = [];
  for (let stage = graph.stages[graph.target]; stage !== undefined;) {
    chain.unshift(stage);
    stage = stage.base.kind === 'stage' ? graph.stages[stage.base.index] : undefined;
  }
  return chain;
}

/** Older daemons leave the arguments of the stages below out: `RUN |1 A=b /bin/sh -c x` is `RUN /bin/sh -c x` there. */
function isSame(planned: string, told: string): boolean {
  return planned === told || (told.startsWith('RUN ') && planned.endsWith(told.slice('RUN'.length)));
}

/**
 * Layers of an image as its history has them, assigned to the steps of the plan by what the history says of each. What the
 * daemon does not tell is left out: sizes are no reason for a build to fail.
 */
export async function imageLayers(
  daemon: Daemon,
  image: string,
  plan: Plan,
  signal: AbortSignal,
): Promise<readonly BuiltLayer[]> {
  let entries: readonly HistoryEntry[];
  try {
    const response = await daemon.request({method: 'GET', path: `/images/${image}/history`}, signal);
    entries = (await json(response)) as readonly HistoryEntry[];
  } catch {
    signal.throwIfAborted();
    return [];
  }
  const steps = chainOf(plan)
    .flatMap(({steps: own}) => own)
    .filter(({operation, createdBy}) => operation.kind !== 'config' && createdBy !== undefined);
  // From the top: a base image may hold the same words.
  let next = steps.length - 1;
  const layers = entries.map(({CreatedBy, Size}): BuiltLayer => {
    let at = next;
    while (at >= 0 && !isSame(steps[at]?.createdBy ?? '', CreatedBy ?? '')) at--;
    const step = at >= 0 ? steps[at] : undefined;
    if (step !== undefined) next = at - 1;
    return {step: step?.id, diffId: undefined, bytes: Size ?? 0};
  });
  return layers.filter(({step, bytes}) => step !== undefined || bytes > 0).reverse();
}
