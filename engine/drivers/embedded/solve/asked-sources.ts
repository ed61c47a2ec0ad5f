import type {StageGraph} from '../../../stages/graph.js';
import {isRemote} from '../files/remote-source.js';

/** What the stages that are built read from the main context: sources of COPY and ADD, and of bind mounts. */
export function askedSources({stages}: Pick<StageGraph, 'stages'>): readonly string[] {
  return stages.flatMap(({reachable, steps}) =>
    !reachable
      ? []
      : steps.flatMap(({operation}) => {
          if (operation.kind === 'run') {
            return operation.mounts.flatMap(({from, source}) => (from?.kind === 'main-context' ? [source] : []));
          }
          if (operation.kind !== 'copy' && operation.kind !== 'add') return [];
          if (operation.source.kind !== 'main-context') return [];
          return operation.sources.filter((text) => operation.kind === 'copy' || !isRemote(text));
        }),
  );
}
