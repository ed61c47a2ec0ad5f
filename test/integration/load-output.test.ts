import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {type Answer, workshop} from '../helpers/cli.js';
import {daemonOrSkip} from '../helpers/daemon.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

// Larger than what pipes and sockets hold.
const tree = {'app/Dockerfile': 'FROM scratch\nCOPY file /\n', 'app/file': 'x'.repeat(8 * 1024 * 1024)};
const plain = ['--no-compose', '--no-artifacts', '--progress', 'plain', '--json', 'app'];
const build = ['--driver', 'embedded', ...plain];

test('with either driver --load leaves the image in the daemon', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined || !available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, tag, run} = workshop(t, daemon, tree);
  for (const args of [
    ['--load', ...build],
    ['-o', 'type=docker', ...build],
    ['--load', '--driver', 'docker', ...plain],
  ]) {
    const built = await cli([...args, '--label', `run=${run}`, '-t', tag]);
    t.is(built.status, 0, built.stderr);
    const image = daemon.docker.getImage(tag);
    t.is((await image.inspect()).Id, (JSON.parse(built.stdout) as Answer).configDigest ?? '');
    await image.remove({force: true});
  }
});

test('without a daemon --load is an error before the first step, and a pipe gets the archive where it is asked for', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root} = workshop(t, undefined, tree);
  const env = {DOCKER_HOST: `unix://${join(root, 'none.sock')}`};
  const none = await cli([...build, '--load'], {env});
  t.is(none.status, 3, none.stderr);
  t.regex(none.stderr, /is for a Docker daemon, and none answers: .*none\.sock.*\n.*type=docker,dest=FILE/);
  t.notRegex(none.stderr, /COPY/);
  const piped = await cli([...build, '-o', 'type=docker,dest=-', '--metadata-file', 'metadata.json'], {env});
  t.is(piped.status, 0, piped.stderr);
  const metadata = JSON.parse(readFileSync(join(root, 'metadata.json'), 'utf8')) as Record<string, unknown>;
  t.like(metadata['containerimage.descriptor'], {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: metadata['containerimage.digest'],
  });
  t.true(piped.stdout.startsWith('blobs/'));
  const both = await cli([...build, '--load', '-o', 'type=oci,dest=-'], {env});
  t.is(both.status, 2, both.stderr);
  t.regex(both.stderr, /cannot load its image and write another output to standard output\n.*dest=PATH/);
});

for (const when of ['reads', 'answers'] as const) {
  test(`a daemon that hangs up while it ${when} what it loads is one clear error`, hangsUp, when);
}

async function hangsUp(t: ExecutionContext, when: 'reads' | 'answers'): Promise<void> {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root} = workshop(t, undefined, tree);
  const socket = join(root, 'rude.sock');
  const server = createServer((request, response) => {
    if (request.url?.includes('/images/load') === true) {
      const hangUp = (): void => void request.socket.destroy();
      if (when === 'reads') request.once('data', hangUp);
      else request.resume().once('end', () => response.write('{"stream":"Loading"}\n', () => setTimeout(hangUp, 100)));
    } else response.setHeader('api-version', '1.41').end(request.url?.includes('_ping') === true ? 'OK' : '{}');
  });
  await new Promise<void>((done) => server.listen(socket, done));
  t.teardown(() => server.close());
  const run = await cli([...build, '--load'], {env: {DOCKER_HOST: `unix://${socket}`}});
  t.is(run.status, 1, run.stderr);
  t.regex(run.stderr, /build-image: cannot load the image into the daemon: \S/);
  t.notRegex(run.stderr, /internal error|\n {4}at /);
}
