import type {Plan} from '../../plan/plan.js';
import type {Source} from '../../stages/graph.js';
import type {BuildContext} from '../../context/context.js';
import type {NamedContext} from '../driver.js';

export interface LocalContexts {
  readonly opened: ReadonlyMap<string, NamedContext>;
  /** Removes what was fetched. */
  close(): Promise<void>;
}

/** Named contexts with those that are URLs, as far as the plan reads them, fetched into directories. Rejects as `openContext`. */
export async function openUrlContexts(
  contexts: ReadonlyMap<string, NamedContext>,
  plan: Plan,
  signal: AbortSignal,
): Promise<LocalContexts> {
  const opened = new Map(contexts);
  const held: BuildContext[] = [];
  const close = async (): Promise<void> => {
    for (const context of held.splice(0)) await context.close();
  };
  const read = new Set(
    plan.graph.stages.flatMap((stage) => [stage.base, ...stage.steps.flatMap(({reads}) => reads)].map(nameOf)),
  );
  try {
    for (const [name, named] of contexts) {
      if (named.kind !== 'url' || !read.has(name)) continue;
      const {openContext} = await import('../../context/open-context.js');
      const context = await openContext(named.url, {}, signal);
      held.push(context);
      opened.set(name, {kind: 'directory', context});
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {opened, close};
}

const nameOf = (source: Source): string | undefined => (source.kind === 'context' ? source.name : undefined);
