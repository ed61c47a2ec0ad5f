import {execFile} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {mkdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import type {ImageConfig} from '../../../engine/oci/config.js';
import type {ConformanceCase, Outcome} from './case.js';
import {listImage, prepareCase} from './image-build.js';
import {imageFacts} from './image-facts.js';

/** The command of a Docker client, and whether it has buildx, with which one build gives both outputs. */
export interface DockerClient {
  readonly command: string;
  readonly buildx: boolean;
  /** Default that of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

const run = promisify(execFile);

/** What a daemon makes of a case as an image: its config out of `docker save`, its files out of the same build as a tar. */
export async function buildOnDaemon(
  one: ConformanceCase,
  docker: DockerClient,
  work: string,
  reason: (log: string) => string,
): Promise<Outcome> {
  const directory = join(work, `case-${randomUUID()}`);
  const root = join(directory, 'root');
  const tag = `conformance-case:${randomUUID()}`;
  mkdirSync(root, {recursive: true});
  try {
    const {context, args} = prepareCase(one, directory);
    const common = ['build', '--progress=plain', ...(docker.buildx ? ['--provenance=false'] : []), ...args];
    const tar = join(directory, 'out.tar');
    const file = ['--output', `type=tar,dest=${tar}`];
    const builds = docker.buildx
      ? [['--no-cache', '--output', `type=image,name=${tag}`, ...file]]
      : [['--no-cache', '-t', tag], file];
    for (const more of builds) {
      const log = await failure(docker, [...common, ...more, context]);
      if (log === undefined) continue;
      // What the daemon never began is no outcome of the Dockerfile.
      if (!log.includes('[internal] load build definition')) throw new Error(`${one.name}: ${log}`);
      return {error: reason(log).replaceAll(directory, '')};
    }
    const unpack = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--warning=no-timestamp'];
    await run('tar', [...unpack, '-C', root, '-xpf', tar]);
    return {listing: listImage(root, one), image: imageFacts(await savedConfig(docker, tag, directory))};
  } finally {
    await run(docker.command, ['image', 'rm', '-f', tag], {env: docker.env}).catch(() => undefined);
    rmSync(directory, {recursive: true, force: true});
  }
}

/** What the command says on standard error where it fails; undefined where it succeeds. */
async function failure({command, ...docker}: DockerClient, args: readonly string[]): Promise<string | undefined> {
  const env = {...process.env, ...docker.env, DOCKER_BUILDKIT: '1', CASE_SECRET: 'from the environment'};
  try {
    await run(command, args, {env, maxBuffer: 1 << 26});
    return undefined;
  } catch (error) {
    return String((error as {stderr?: unknown}).stderr ?? error);
  }
}

async function savedConfig({command, env}: DockerClient, tag: string, directory: string): Promise<ImageConfig> {
  const saved = join(directory, 'saved.tar');
  try {
    await run(command, ['save', '-o', saved, tag], {env});
  } catch (error) {
    // An old daemon cannot save an image without a layer, but it shows its configuration.
    if (!String(error).includes('empty export')) throw error;
    const {stdout} = await run(command, ['image', 'inspect', tag], {env});
    const [shown] = JSON.parse(stdout) as readonly {readonly Config: ImageConfig['config']}[];
    return {architecture: '', os: '', config: shown?.Config ?? {}, rootfs: {type: 'layers', diff_ids: []}, history: []};
  }
  const read = async (name: string): Promise<unknown> => JSON.parse((await run('tar', ['-xOf', saved, name])).stdout);
  const [image] = (await read('manifest.json')) as readonly {readonly Config: string}[];
  return (await read(image?.Config ?? '')) as ImageConfig;
}
