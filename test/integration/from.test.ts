import {execFileSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import type {ImageConfig} from '../../engine/oci/config.js';
import {digestOf} from '../../engine/oci/digest.js';
import {blobPath, parseLayoutIndex, renderLayoutIndex} from '../../engine/oci/layout.js';
import {renderManifest} from '../../engine/oci/manifest.js';
import {mediaTypes} from '../../engine/oci/media-types.js';
import {type Workshop, workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const flags = ['--driver', 'embedded', '--no-compose', '--no-artifacts', '--progress', 'plain'];

/** A layout `multi` with one index: for each platform an image whose variable and file name it. */
async function writeIndex({cli, root}: Workshop, platforms: readonly string[]): Promise<void> {
  for (const platform of platforms) {
    const output = `type=oci,tar=false,dest=${join(root, 'multi')}`;
    const tag = `t/one:${platform.replace('/', '-')}`;
    const args = ['--platform', platform, '--build-arg', `OF=${platform}`, '-t', tag, '-o', output];
    await cli(['build', ...flags, ...args, 'one']);
  }
  const index = join(root, 'multi/index.json');
  const {manifests} = parseLayoutIndex(readFileSync(index));
  const bytes = renderManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: manifests.map(({mediaType, digest, size, platform}) => ({
      mediaType,
      digest,
      size,
      ...(platform && {platform}),
    })),
  });
  const digest = digestOf(bytes);
  writeFileSync(join(root, 'multi', blobPath(digest)), bytes);
  writeFileSync(index, renderLayoutIndex([{mediaType: mediaTypes.ociIndex, digest, size: bytes.length}]));
}

test('FROM --platform starts from the image for that platform, in files, variables and the configuration', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const shop = workshop(t, undefined, {
    'one/Dockerfile': 'FROM scratch\nARG OF\nENV OF=$OF\nCOPY <<EOF /of\n$OF\nEOF\n',
    Dockerfile: [
      'FROM --platform=linux/s390x multi AS other',
      'WORKDIR $OF',
      'FROM --platform=$BUILDPLATFORM multi AS here',
      'WORKDIR $OF',
      'FROM scratch AS files',
      'COPY --from=other /of /other',
      'COPY --from=here /of /here',
      'COPY --from=multi /of /copied\n',
    ].join('\n'),
  });
  const {cli, root} = shop;
  await writeIndex(shop, ['linux/amd64', 'linux/arm64', 'linux/s390x']);
  const build = ['build', ...flags, '--build-context', 'multi=oci-layout://multi', '--platform', 'linux/arm64'];
  const built = await cli([...build, '-o', 'type=local,dest=out']);
  t.is(built.status, 0, built.stderr);
  const contents = ['other', 'here', 'copied'].map((name) => readFileSync(join(root, 'out', name), 'utf8').trim());
  const machine = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
  t.deepEqual(contents, ['linux/s390x', machine, 'linux/arm64']);
  const again = await cli([...build, '--json']);
  t.deepEqual((JSON.parse(again.stdout) as {steps: unknown}).steps, {ran: 0, cached: 5}, again.stderr);

  const one = await cli([...build, '--target', 'other', '-o', 'type=docker,dest=other.tar']);
  t.is(one.status, 0, one.stderr);
  const {architecture, config} = configIn(join(root, 'other.tar'));
  t.is(architecture, 's390x');
  t.is(config?.WorkingDir, '/linux/s390x');
});

test('FROM a named context that is a directory: its files are the lowest layer', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root} = workshop(t, undefined, {
    'directory/f': 'f',
    'context/g': 'g',
    'context/Dockerfile': 'FROM files\nCOPY g /\nENV A=b\n',
    'above/Dockerfile': 'FROM t/directory AS it\nFROM scratch\nCOPY --from=it / /\n',
  });
  const outputs = ['-t', 't/directory', '-o', 'type=docker,dest=out.tar', '-o', 'type=image'];
  const built = await cli(['build', ...flags, '--build-context', 'files=directory', ...outputs, 'context']);
  t.is(built.status, 0, built.stderr);
  const {history, rootfs, config} = configIn(join(root, 'out.tar'));
  t.deepEqual(
    history?.map(({created_by, empty_layer}) => [created_by, empty_layer === true]),
    [
      ['local source for files', false],
      ['COPY g / # buildkit', false],
      ['ENV A=b', true],
    ],
  );
  t.is(rootfs.diff_ids.length, 2);
  t.true(config?.Env?.includes('A=b'));
  const above = await cli(['build', ...flags, '-o', 'type=tar,dest=above.tar', 'above']);
  t.is(above.status, 0, above.stderr);
  t.deepEqual(
    execFileSync('tar', ['-tf', join(root, 'above.tar')], {encoding: 'utf8'})
      .trim()
      .split('\n'),
    ['f', 'g'],
  );
});

/** The configuration of the only image in a docker archive. */
function configIn(archive: string): ImageConfig {
  const read = (name: string): string => execFileSync('tar', ['-xOf', archive, name], {encoding: 'utf8'});
  const [image] = JSON.parse(read('manifest.json')) as readonly {readonly Config: string}[];
  return JSON.parse(read(image?.Config ?? '')) as ImageConfig;
}
