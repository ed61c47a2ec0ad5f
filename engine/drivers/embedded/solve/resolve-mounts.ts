import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {BuildError, hasErrno} from '../../../base/errors.js';
import type {Mount, Operation} from '../../../stages/graph.js';
import type {BuildRequest} from '../../driver.js';
import type {StepMount} from '../runtime/step-mounts.js';
import {beginsWithSource} from './cache-seed.js';
import {contextOf} from './content-key.js';
import type {PerformTools} from './perform.js';
import {sourceId, type StepJob} from './solver.js';

/** RUN's mounts with their sources looked up and the values of secrets read. Rejects with SECRET_NOT_FOUND. */
export async function resolveMounts(
  job: StepJob,
  operation: Extract<Operation, {kind: 'run'}>,
  tools: PerformTools,
  signal: AbortSignal,
): Promise<readonly StepMount[]> {
  const mounts: StepMount[] = [];
  for (const mount of operation.mounts) {
    const found = await resolveMount(job, mount, tools, signal);
    if (found !== undefined) mounts.push(found);
  }
  return mounts;
}

async function resolveMount(
  job: StepJob,
  mount: Mount,
  tools: PerformTools,
  signal: AbortSignal,
): Promise<StepMount | undefined> {
  const {type, uid, gid} = mount;
  // BuildKit gives permissions only.
  const mode = mount.mode === undefined ? undefined : mount.mode & 0o777;
  const target = mount.target ?? '';
  switch (type) {
    case 'bind':
      return {type, target, ...(await sourceOf(job, mount, tools, signal)), readOnly: mount.readOnly};
    case 'cache': {
      const store = join(tools.store.root, 'caches');
      const common = {type, target, store, id: mount.id ?? target, sharing: mount.sharing, readOnly: mount.readOnly};
      const owner = {mode, uid, gid};
      if (!beginsWithSource(mount)) return {...common, ...owner, initial: undefined};
      const initial = {...(await sourceOf(job, mount, tools, signal)), key: keyOf(job, mount)};
      return {...common, mode: undefined, uid: undefined, gid: undefined, initial};
    }
    case 'tmpfs':
      return {type, target, size: mount.size};
    case 'secret': {
      const value = await secretValue(mount, tools.request);
      return value === undefined ? undefined : {type, target: mount.target, env: mount.env, value, mode, uid, gid};
    }
    case 'ssh': {
      const agent = tools.request.ssh.get(mount.id ?? 'default');
      if (agent !== undefined || !mount.required) return {type, target: mount.target, agent, mode, uid, gid};
      throw new BuildError('SECRET_NOT_FOUND', `the step needs the SSH agent "${mount.id ?? 'default'}"`, {
        remedy: `Give it with --ssh ${mount.id ?? 'default'}.`,
      });
    }
    default:
      throw new Error(`unreachable: ${String(type satisfies never)}`);
  }
}

function keyOf(job: StepJob, {from}: Mount): string {
  return (from && job.inputs.get(sourceId(from))?.key) ?? 'context';
}

async function sourceOf(
  job: StepJob,
  mount: Mount,
  tools: PerformTools,
  signal: AbortSignal,
): Promise<{readonly root: string; readonly path: string}> {
  const source = mount.from ?? {kind: 'main-context' as const};
  const tree = job.inputs.get(sourceId(source));
  if (tree !== undefined) return {root: await tools.mounts.mount(tree), path: mount.source};
  return tools.mounts.contexts.mount(contextOf(tools.request, source), mount.source, signal);
}

/** Undefined for one that is not given and not required. */
async function secretValue(mount: Mount, request: BuildRequest): Promise<Uint8Array | undefined> {
  const id = mount.id ?? '';
  const source = request.secrets.get(id);
  if (source !== undefined && source.kind !== 'file') return Buffer.from(source.value);
  if (source !== undefined) {
    try {
      return await readFile(source.path);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR')) throw error;
      throw new BuildError('SECRET_NOT_FOUND', `the file of secret "${id}" cannot be read: ${source.path}`, {
        cause: error,
      });
    }
  }
  if (!mount.required) return undefined;
  throw new BuildError('SECRET_NOT_FOUND', `the step needs the secret "${id}"`, {
    remedy: `Give it with --secret id=${id},src=FILE or --secret id=${id},env=NAME.`,
  });
}
