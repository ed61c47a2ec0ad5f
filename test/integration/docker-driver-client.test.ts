import {execFile} from 'node:child_process';
import {existsSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {buffer} from 'node:stream/consumers';
import {promisify} from 'node:util';
import test from 'ava';
import {createDockerDriver, type DockerDriverOptions} from '../../engine/drivers/docker/driver.js';
import type {BuildRequest} from '../../engine/drivers/driver.js';
import {collectEvents, contextOf, planOf, requestOf} from '../helpers/build.js';
import {busyboxImage, daemonOrSkip, type DaemonKind, removeAfter, type TestDaemon} from '../helpers/daemon.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

type Builder = NonNullable<DockerDriverOptions['builder']>;
const never = new AbortController().signal;
const run = promisify(execFile);
let serial = 0;

/** Config of an image, and a listing of all its files with owner, mode, size, links and digests. */
async function contentOf(daemon: TestDaemon, image: string): Promise<unknown> {
  const {Config: config, RootFS: rootfs} = await daemon.docker.getImage(image).inspect();
  const container = await daemon.docker.createContainer({Image: image, Cmd: ['-']});
  try {
    const directory = statSync('/tmp').isDirectory() ? '/tmp' : '.';
    const archive = await buffer(await container.export());
    const list = run('tar', ['--list', '--verbose', '--full-time', '--numeric-owner', '-f', '-'], {
      cwd: directory,
      maxBuffer: 1e8,
    });
    list.child.stdin?.end(archive);
    const times = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?/;
    const files = (await list).stdout.split('\n').map((line) => line.replace(times, ''));
    return {
      files: files.sort(),
      layers: rootfs.Layers?.length,
      env: config.Env,
      cmd: config.Cmd,
      entrypoint: config.Entrypoint,
      labels: config.Labels,
      user: config.User,
      workdir: config.WorkingDir,
      ports: config.ExposedPorts,
      volumes: config.Volumes,
    };
  } finally {
    await container.remove({force: true});
  }
}

const dockerfile = (base: string): string => `FROM ${base} AS builder
ARG WHO=nobody
WORKDIR /work
COPY --chown=1:2 . /in/
COPY sub/*.txt links /picked/
RUN echo "$WHO" > who && find /in /picked | sort > found
FROM ${base}
ENV A=1 B="two words"
LABEL kind=test
COPY --from=builder /work /result
COPY --from=builder /in /in
USER 5:6
EXPOSE 80/tcp
VOLUME /data
WORKDIR /result
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat who"]
`;

const sameAsClient = test.macro<[DaemonKind, Builder]>({
  async exec(t, kind, builder) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const found = ['/usr/bin/docker', '/usr/local/bin/docker'].some((path) => existsSync(path));
    if (!found) {
      t.log('skipped: no docker client');
      t.pass();
      return;
    }
    const base = await busyboxImage(daemon);
    const root = temporaryDirectory(t);
    const text = dockerfile(base);
    writeTree(root, {
      Dockerfile: text,
      '.dockerignore': '*.log\n!keep.log\n**/secret\n',
      'a.txt': `a ${process.pid}\n`,
      'x.log': 'x',
      'keep.log': 'keep',
      'sub/b.txt': 'b',
      'sub/secret/s': 's',
      'sub/ü ñ.txt': 'unicode',
      'run.sh': {mode: 0o755, content: '#!/bin/sh\n'},
      'links/to-b': {link: '../sub/b.txt'},
      'links/broken': {link: 'nowhere'},
      empty: '',
      'big.bin': Buffer.alloc(1_000_000, 7),
      dir: {directory: true, mode: 0o700},
    });
    const [theirs, ours] = [
      `build-image-test/theirs${process.pid}-${serial}`,
      `build-image-test/ours${process.pid}-${serial++}`,
    ];
    removeAfter(t, daemon, theirs, ours);
    const env = {...process.env, DOCKER_HOST: `unix://${daemon.socket}`, DOCKER_BUILDKIT: '0'};
    // The client's own BuildKit needs a plugin; the classic builder makes the same image of this Dockerfile.
    await run(
      'docker',
      ['build', '--network', 'host', '--build-arg', 'WHO=ann', '--label', 'extra=1', '-t', theirs, root],
      {env},
    );
    const ignore = readFileSync(join(root, '.dockerignore'), 'utf8');
    const more: Partial<BuildRequest> = {
      tags: [`${ours}:latest`],
      network: 'host',
      buildArgs: new Map([['WHO', 'ann']]),
      labels: {extra: '1'},
    };
    const driver = createDockerDriver(daemon.endpoint, {builder});
    const built = await driver.build(planOf(text), requestOf(contextOf(root, ignore), more), collectEvents(), never);
    await built.close();
    const [expected, actual] = [await contentOf(daemon, theirs), await contentOf(daemon, ours)] as Record<
      string,
      unknown
    >[];
    // BuildKit makes one layer of what the classic builder makes none or more.
    t.deepEqual({...actual, layers: 0}, {...expected, layers: 0});
    t.true((actual?.['files'] as string[]).some((line) => line.includes('keep.log')));
    t.false((actual?.['files'] as string[]).some((line) => line.includes('x.log')));
  },
  title: (_, kind, builder) => `the image is the one the docker client builds (${kind} daemon, ${builder})`,
});

for (const kind of ['debian', 'current'] as const) {
  for (const builder of ['buildkit', 'classic'] as const) test.serial(sameAsClient, kind, builder);
}
