import type {KeyPart, KeyValue} from '../../../plan/cache-key.js';
import type {Mount, Operation, Source, StageGraph, StageStep} from '../../../stages/graph.js';
import type {BuildRequest} from '../../driver.js';
import {defaultHostname} from '../runtime/network-files.js';
import {beginsWithSource} from './cache-seed.js';
import {epochOf} from './epoch.js';
import {hostnameOf} from './hostname.js';

/** Part of every key: to be raised when the same parts come to give another file system. */
const recipe = 2;

/** The network RUN gets: the instruction's own, else the request's. */
export function networkOf(
  operation: Extract<Operation, {kind: 'run'}>,
  request: BuildRequest,
): 'default' | 'none' | 'host' {
  return operation.network === 'default' ? request.network : operation.network;
}

/** Keys of what a step reads: a whole tree for a mount, the selected files for COPY and ADD. */
export type SourceKeys = (
  source: Source,
  operation: Operation,
  mount: Mount | undefined,
) => Promise<readonly KeyPart[]>;

/**
 * What decides the result of a step beside the tree it starts from. Secrets count by their ids; proxies and times do not
 * count.
 */
export async function partsOf(
  step: Pick<StageStep, 'operation' | 'config' | 'env'>,
  graph: StageGraph,
  request: BuildRequest,
  sourceKeys: SourceKeys,
): Promise<readonly KeyPart[]> {
  const {operation, config} = step;
  const parts: KeyPart[] = [setting('recipe', recipe)];
  const add = (...more: readonly KeyPart[]): void => void parts.push(...more);
  switch (operation.kind) {
    case 'run': {
      add({kind: 'platform', name: 'platform', value: {...graph.platform}});
      add({kind: 'instruction', name: 'RUN', value: [...operation.argv]});
      if (operation.script !== undefined) add(setting('script', {...operation.script}));
      for (const {name, value} of step.env) if (value !== undefined) add({kind: 'env', name, value});
      add(setting('USER', config.User ?? ''), setting('WORKDIR', config.WorkingDir ?? '/'));
      add(setting('network', networkOf(operation, request)), setting('security', operation.security));
      add(setting('hosts', [...request.extraHosts]));
      // Only where they are given: they are in no key of a build without them.
      if (request.ulimits.length > 0) add(setting('ulimits', [...request.ulimits]));
      if (request.shmSize !== undefined) add(setting('shm-size', request.shmSize));
      const hostname = hostnameOf(request);
      if (hostname !== defaultHostname) add(setting('hostname', hostname));
      for (const [index, mount] of operation.mounts.entries()) {
        const {from, ...rest} = mount;
        add({
          kind: 'mount',
          name: `${index} ${mount.target ?? mount.id ?? ''}`,
          value: rest,
        });
        // What a cache holds is not part of what the step is, but what it begins with.
        const isRead = mount.type === 'bind' || (mount.type === 'cache' && beginsWithSource(mount));
        if (from !== undefined && isRead) add(...(await sourceKeys(from, operation, mount)));
      }
      return unique(parts);
    }
    case 'copy':
    case 'add': {
      const {kind, source, sources, files, ...flags} = operation;
      add({kind: 'instruction', name: kind.toUpperCase(), value: [...sources]});
      add(setting('flags', flags));
      for (const {name, content} of files) add(setting(`<<${name}`, content));
      if (sources.length > 0) add(...(await sourceKeys(source, operation, undefined)));
      // Directories that are made for what is copied have it.
      const epoch = epochOf(request);
      if (epoch !== undefined) add(setting('SOURCE_DATE_EPOCH', epoch));
      return unique(parts);
    }
    case 'workdir':
      add({kind: 'instruction', name: 'WORKDIR', value: operation.path});
      add(setting('USER', config.User ?? ''), setting('SOURCE_DATE_EPOCH', epochOf(request) ?? null));
      return parts;
    case 'config':
      return parts;
    default:
      throw new Error(`unreachable: ${String(operation satisfies never)}`);
  }
}

const setting = (name: string, value: KeyValue): KeyPart => ({kind: 'setting', name, value});

/** Two mounts of one source, or one source named twice, are one part. */
function unique(parts: readonly KeyPart[]): readonly KeyPart[] {
  return [...new Map(parts.map((part) => [`${part.kind}\0${part.name}`, part])).values()];
}
