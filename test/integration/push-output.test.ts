import {join} from 'node:path';
import test from 'ava';
import {type Answer, workshop} from '../helpers/cli.js';
import {daemonOrSkip} from '../helpers/daemon.js';
import {hasRegistry, registryUser, startRegistry} from '../helpers/registry.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {writeTree} from '../helpers/tree.js';

interface Manifest {
  readonly mediaType: string;
  readonly config: {readonly mediaType: string; readonly digest: string};
  readonly layers: readonly {readonly mediaType: string}[];
  readonly annotations?: Readonly<Record<string, string>>;
}

const basic = Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64');
const tree = {'app/Dockerfile': 'FROM scratch\nCOPY file /\n', 'app/file': 'content'};
const common = ['--no-compose', '--progress', 'plain', '--json', 'app'];

async function manifestOf(host: string, tag: string): Promise<Manifest> {
  const accept = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
  const headers = {authorization: `Basic ${basic}`, accept: accept.join(', ')};
  return (await (await fetch(`http://${host}/v2/team/app/manifests/${tag}`, {headers})).json()) as Manifest;
}

test('the embedded engine pushes an image under each of its names, beside other outputs', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '') || !hasRegistry(t)) return;
  const host = await startRegistry(t, {kind: 'htpasswd'});
  const {cli, root} = workshop(t, undefined, tree);
  writeTree(root, {'docker/config.json': JSON.stringify({auths: {[host]: {auth: basic}}})});
  const env = {DOCKER_CONFIG: join(root, 'docker')};
  const args = [...common, '--driver', 'embedded', '-t', `${host}/team/app:1`, '-o', 'type=oci,dest=image.tar'];
  const outputs = [
    `type=registry,name=${host}/team/app:docker,oci-mediatypes=false,annotation.org.example=yes`,
    'type=image,push=true,compression=zstd',
  ];
  const run = await cli([...args, ...outputs.flatMap((output) => ['-o', output])], {env});
  t.is(run.status, 0, run.stderr);
  const answer = JSON.parse(run.stdout) as Answer;
  const [docker, zstd] = [await manifestOf(host, 'docker'), await manifestOf(host, '1')];
  t.is(docker.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  t.is(docker.layers[0]?.mediaType, 'application/vnd.docker.image.rootfs.diff.tar.gzip');
  t.deepEqual(docker.annotations, {'org.example': 'yes'});
  t.is(zstd.layers[0]?.mediaType, 'application/vnd.oci.image.layer.v1.tar+zstd');
  for (const {config} of [docker, zstd]) t.is(config.digest, answer.configDigest ?? '');

  const refused = await cli([...args, '--push']);
  t.is(refused.status, 1, refused.stderr);
  t.regex(refused.stderr, new RegExp(`build-image: ${host} refuses .*\\n.*docker login ${host}`));
  const nameless = await cli([...common, '--driver', 'embedded', '--push']);
  t.is(nameless.status, 2, nameless.stderr);
  t.regex(nameless.stderr, /an image without a name cannot be pushed\n.*--tag/);
});

test('a daemon pushes an image with the credentials of its registry', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined || !hasRegistry(t)) return;
  const host = await startRegistry(t, {kind: 'htpasswd'});
  const {cli, root, run} = workshop(t, daemon, tree);
  writeTree(root, {'docker/config.json': JSON.stringify({auths: {[host]: {auth: basic}}})});
  const args = [...common, '--driver', 'docker', '--label', `run=${run}`, '-t', `${host}/team/app:1`, '--push'];
  t.teardown(() =>
    daemon.docker
      .getImage(`${host}/team/app:1`)
      .remove()
      .catch(() => undefined),
  );
  const pushed = await cli(args, {env: {DOCKER_CONFIG: join(root, 'docker')}});
  t.is(pushed.status, 0, pushed.stderr);
  t.is((await manifestOf(host, '1')).config.digest, (JSON.parse(pushed.stdout) as Answer).configDigest ?? '');
  const refused = await cli(args);
  t.is(refused.status, 1, refused.stderr);
  t.regex(refused.stderr, /the daemon cannot push .*\n.*docker login/);
});
