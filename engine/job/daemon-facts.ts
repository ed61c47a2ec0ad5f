import type {BuildContext} from '../context/context.js';
import type {BuildRequest} from '../drivers/driver.js';
import {contextMemory} from '../drivers/embedded/files/digest-memory.js';
import {sourceDigests} from '../drivers/embedded/files/digests.js';
import {keepList, listDigest} from '../drivers/embedded/files/file-list.js';
import type {TransferOperation} from '../drivers/embedded/files/step.js';
import {copyOf} from '../drivers/embedded/solve/content-key.js';
import {partsOf, type SourceKeys} from '../drivers/embedded/solve/step-parts.js';
import {cacheKey, type KeyPart} from '../plan/cache-key.js';
import type {Plan} from '../plan/plan.js';
import type {Source, Stage} from '../stages/graph.js';
import {fromFacts, type StepFacts} from './step-facts.js';

/**
 * What the steps of a build with a daemon depend on, in the same terms as those of the embedded engine: a daemon keeps its
 * keys to itself. The files are those of the context as it is now, of which it was sent. `root` is the store, which
 * remembers their digests. A step whose files cannot be read is left out, with those after it.
 */
export async function daemonFacts(
  root: string,
  plan: Plan,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StepFacts>> {
  const facts = new Map<string, StepFacts>();
  const last = new Map<number, string>();
  for (const stage of plan.graph.stages) {
    if (!stage.reachable && !request.keepStages.includes(stage.index)) continue;
    try {
      last.set(stage.index, await stageFacts(stage));
    } catch {
      // What is wrong with its files is the daemon's to say.
      signal.throwIfAborted();
    }
  }
  return facts;

  async function stageFacts(stage: Stage): Promise<string> {
    const {base} = stage;
    let before = base.kind === 'stage' ? known(base.index) : '';
    const parts = [...fromFacts(plan, stage.index, before), ...(await directoryBase(stage))];
    before = base.kind === 'stage' ? before : cacheKey(parts as readonly KeyPart[]);
    facts.set(stage.fromId, {key: before, parts});
    for (const step of stage.steps) {
      if (step.operation.kind === 'config') continue;
      const parts = await partsOf(step, {...plan.graph, platform: stage.platform}, request, sourceKeys);
      const all: readonly KeyPart[] = [...parts, {kind: 'input', name: 'before', value: before}];
      // The times of what a step makes are part of the key of newer daemons: told where such a step ran, else of no matter.
      before = cacheKey(all.filter(({kind, name}) => kind !== 'setting' || name !== 'SOURCE_DATE_EPOCH'));
      facts.set(step.id, {key: before, parts: all});
    }
    return before;
  }

  async function directoryBase({base}: Stage): Promise<readonly KeyPart[]> {
    const named = base.kind === 'context' ? request.contexts.get(base.name) : undefined;
    return named?.kind === 'directory' ? files('files', named.context, copyOf({source: '/'})) : [];
  }

  function known(index: number): string {
    const key = last.get(index);
    if (key === undefined) throw new Error(`nothing is known of stage ${index}`);
    return key;
  }

  function sourceKeys(...[source, operation, mount]: Parameters<SourceKeys>): Promise<readonly KeyPart[]> {
    const name = mount === undefined ? 'files' : `mount ${mount.target ?? ''}`;
    const read = mount === undefined ? operation : copyOf(mount);
    if (read.kind !== 'copy' && read.kind !== 'add') return Promise.resolve([]);
    const context = contextOf(source);
    if (context !== undefined) return files(name, context, read);
    return Promise.resolve([{kind: 'input', name, value: keyOf(source)}]);
  }

  function contextOf(source: Source): BuildContext | undefined {
    if (source.kind === 'main-context') return request.context;
    const named = source.kind === 'context' ? request.contexts.get(source.name) : undefined;
    return named?.kind === 'directory' ? named.context : undefined;
  }

  function keyOf(source: Source): string {
    switch (source.kind) {
      case 'stage':
        return known(source.index);
      case 'image':
        return plan.bases.get(source.reference) ?? source.reference;
      case 'context': {
        const named = request.contexts.get(source.name);
        return plan.bases.get(source.name) ?? JSON.stringify(named ?? source.name);
      }
      case 'main-context':
      case 'scratch':
        return source.kind;
      default:
        throw new Error(`unreachable: ${String(source satisfies never)}`);
    }
  }

  async function files(name: string, context: BuildContext, read: TransferOperation): Promise<readonly KeyPart[]> {
    const options = {memory: contextMemory(root, context), fetched: []};
    const list = await sourceDigests(read, {kind: 'context', context}, options, signal);
    const digest = listDigest(list);
    await keepList(root, digest, list);
    return [{kind: 'content', name, value: digest}];
  }
}
