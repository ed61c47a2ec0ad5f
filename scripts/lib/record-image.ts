import {execFileSync, spawnSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {mkdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import type {ImageConfig} from '../../engine/oci/config.js';
import type {ConformanceCase, Outcome} from '../../test/integration/conformance/case.js';
import {listImage, prepareCase} from '../../test/integration/conformance/image-build.js';
import {imageFacts} from '../../test/integration/conformance/image-facts.js';

/** What a daemon makes of a case as an image: its config out of `docker save`, its files out of the same build as a tar. */
export function recordImage(
  one: ConformanceCase,
  docker: string,
  work: string,
  reason: (log: string) => string,
): Outcome {
  const directory = join(work, `case-${randomUUID()}`);
  const root = join(directory, 'root');
  const tag = `conformance-case:${randomUUID()}`;
  mkdirSync(root, {recursive: true});
  try {
    const {context, args} = prepareCase(one, directory);
    const build = (...more: readonly string[]) =>
      spawnSync(docker, ['build', '--progress=plain', '--provenance=false', ...args, ...more, context], {
        encoding: 'utf8',
        env: {...process.env, DOCKER_BUILDKIT: '1', CASE_SECRET: 'from the environment'},
      });
    const built = build('--no-cache', '-t', tag);
    if (built.status !== 0) {
      if (!built.stderr.includes('failed to solve')) throw new Error(`${one.name}: ${built.stderr}`);
      return {error: reason(built.stderr).replaceAll(directory, '')};
    }
    const tar = join(directory, 'out.tar');
    const exported = build('--output', `type=tar,dest=${tar}`);
    if (exported.status !== 0) throw new Error(`${one.name}: ${exported.stderr}`);
    const unpack = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--warning=no-timestamp'];
    execFileSync('tar', [...unpack, '-C', root, '-xpf', tar]);
    return {listing: listImage(root, one), image: imageFacts(savedConfig(docker, tag, directory))};
  } finally {
    spawnSync(docker, ['image', 'rm', '-f', tag]);
    rmSync(directory, {recursive: true, force: true});
  }
}

function savedConfig(docker: string, tag: string, directory: string): ImageConfig {
  const saved = join(directory, 'saved.tar');
  execFileSync(docker, ['save', '-o', saved, tag]);
  const read = (name: string): unknown => JSON.parse(execFileSync('tar', ['-xOf', saved, name], {encoding: 'utf8'}));
  const [image] = read('manifest.json') as readonly {readonly Config: string}[];
  return read(image?.Config ?? '') as ImageConfig;
}
