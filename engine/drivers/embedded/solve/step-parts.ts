import type {Binding, Mount, Operation, Source, StageGraph, StageStep} from '../../../stages/graph.js';
import type {BuildRequest} from '../../driver.js';

/** Parts of a step's key by name, each a value that JSON can hold. Compared part by part to say why a key changed. */
export type KeyParts = Readonly<Record<string, unknown>>;

/** Changes whenever the same parts would give another file system. */
const recipe = 1;

const valuesOf = (bindings: readonly Binding[]): Readonly<Record<string, string>> =>
  Object.fromEntries(bindings.flatMap(({name, value}) => (value === undefined ? [] : [[name, value] as const])));

/** The network RUN gets: the instruction's own, else the request's. */
export function networkOf(
  operation: Extract<Operation, {kind: 'run'}>,
  request: BuildRequest,
): 'default' | 'none' | 'host' {
  return operation.network === 'default' ? request.network : operation.network;
}

/**
 * What decides the result of a step beside the tree it starts from. `sourceKey` gives the key of what is read: content of
 * files for COPY and ADD, the whole source for a mount. Secrets count by their ids, proxies, hosts' names and times not
 * at all.
 */
export async function partsOf(
  step: StageStep,
  graph: StageGraph,
  request: BuildRequest,
  sourceKey: (source: Source, operation: Operation, mount: Mount | undefined) => Promise<unknown>,
): Promise<KeyParts> {
  const {operation, config} = step;
  const platform = graph.platform;
  switch (operation.kind) {
    case 'run': {
      const mounts = [];
      for (const mount of operation.mounts) {
        const {from, ...rest} = mount;
        mounts.push({...rest, from: from === undefined ? null : await sourceKey(from, operation, mount)});
      }
      return {
        recipe,
        platform,
        operation: 'run',
        argv: operation.argv,
        script: operation.script ?? null,
        env: valuesOf(step.env),
        user: config.User ?? '',
        workdir: config.WorkingDir ?? '/',
        mounts,
        network: networkOf(operation, request),
        security: operation.security,
        hosts: request.extraHosts,
      };
    }
    case 'copy':
    case 'add': {
      const {kind, source, sources, files, ...flags} = operation;
      return {
        recipe,
        platform,
        operation: kind,
        sources,
        files,
        flags,
        content: await sourceKey(source, operation, undefined),
      };
    }
    case 'workdir':
      return {recipe, operation: 'workdir', path: operation.path};
    case 'config':
      return {recipe, operation: 'config'};
    default:
      throw new Error(`unreachable: ${String(operation satisfies never)}`);
  }
}
