import {createHash} from 'node:crypto';
import {cpSync, existsSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {type Answer, namesIn, workshop} from '../helpers/cli.js';
import {daemonOrSkip} from '../helpers/daemon.js';
import {ensureDebianImage} from '../helpers/debian-image.js';
import {freePort} from '../helpers/free-port.js';

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The page, once it is served. */
async function pageOf(url: string): Promise<string> {
  for (let tries = 0; tries < 150; tries++) {
    const page = await fetch(url).then(
      (response) => response.text(),
      () => undefined,
    );
    if (page !== undefined) return page;
    await sleep(100);
  }
  throw new Error(`${url} is not served`);
}

test.serial('the portal: image, tags and package from one command, cached the second time', async (t) => {
  t.timeout(280_000);
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  await ensureDebianImage(daemon);
  const {root, cli, temporary, tag, run} = workshop(t, daemon);
  cpSync('docker', join(root, 'docker'), {recursive: true, filter: (path) => !path.endsWith('/portal.env')});
  cpSync('dockerfiles/portal', join(root, 'dockerfiles/portal'), {recursive: true});
  const env = {DOCKER_REPOSITORY: 'build-image-test/', DOCKER_IMAGE_NAME: 'portal', DOCKER_IMAGE_TAG: run};
  const named = `build-image-test/portal:${run}`;
  t.teardown(() => daemon.docker.getImage(named).remove({force: true}));

  const first = await cli(['--driver', 'docker', '-t', tag, '--iidfile', 'iid', '--metadata-file', 'm.json'], {env});
  t.is(first.status, 0, first.stderr);
  t.deepEqual(namesIn(join(root, 'artifacts')), ['portal_1.0_all.deb']);
  const deb = join(root, 'artifacts/portal_1.0_all.deb');
  const id = readFileSync(join(root, 'iid'), 'utf8');
  t.deepEqual(
    first.stdout.split('\n').map((line) => line.replace(/ +/g, ' ')),
    [
      `image ${id}`,
      `tag ${named}`,
      `tag ${tag}`,
      `artifact artifacts/portal_1.0_all.deb portal 1.0 all ${(statSync(deb).size / 1000).toFixed(1)} kB sha256:${sha256(deb)}`,
      '',
    ],
  );
  t.true(existsSync(join(root, 'docker/portal.env')), 'the env_file is made from its .default');
  t.regex(first.stderr, /created docker\/portal\.env from docker\/portal\.env\.default/);
  t.deepEqual(JSON.parse(readFileSync(join(root, 'm.json'), 'utf8')), {
    'containerimage.config.digest': id,
    'image.name': `${named},${tag}`,
    'buildimage.artifacts': [
      {
        path: 'artifacts/portal_1.0_all.deb',
        sha256: sha256(deb),
        size: statSync(deb).size,
        package: 'portal',
        version: '1.0',
        architecture: 'all',
      },
    ],
  });
  const image = await daemon.docker.getImage(tag).inspect();
  t.is(image.Id, id);
  t.is(image.Config.User, 'portal');
  t.is(image.Config.WorkingDir, '/var/lib/portal');
  t.deepEqual(image.Config.ExposedPorts, {'8008/tcp': {}});
  t.true(image.Config.Env.includes('FLASK_APP=portal'));
  t.regex(image.Config.Cmd[2] ?? '', /flask sync[^]*gunicorn/);

  const second = await cli(['--driver', 'docker', '-t', tag, '--json'], {env});
  t.is(second.status, 0, second.stderr);
  t.regex(second.stderr, /all \d+ steps cached/);
  const answer = JSON.parse(second.stdout) as Answer;
  t.deepEqual([answer.driver, answer.configDigest, answer.tags, answer.steps.ran], ['docker', id, [named, tag], 0]);
  t.is(answer.artifacts[0]?.sha256, sha256(deb));
  t.log(`second run: ${second.seconds.toFixed(2)} s`);
  t.deepEqual(namesIn(temporary), []);

  const port = await freePort();
  const container = await daemon.docker.createContainer({
    Image: tag,
    Env: [`PORT=${port}`],
    HostConfig: {NetworkMode: 'host'},
  });
  t.teardown(() => container.remove({force: true}));
  await container.start();
  t.regex(await pageOf(`http://127.0.0.1:${port}/`), /<h1|<title/);
});

test('the image is named as the compose file says, over .env and the environment', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, run} = workshop(t, daemon, {
    'docker/docker-compose.yaml': [
      'services:',
      '  db: {image: postgres}',
      '  web:',
      '    image: ${DOCKER_REPOSITORY-build-image-test/}${DOCKER_IMAGE_NAME:-composed}:${DOCKER_IMAGE_TAG:-latest}',
      '    env_file: [web.env]',
      '    build:',
      '      context: ../app',
      '      dockerfile: Containerfile',
      '      target: wanted',
      '      args: {WHO: "${WHO:-nobody}", FROM_SHELL: }',
      '',
    ].join('\n'),
    'docker/web.env.default': 'A=1\n',
    '.env': 'WHO=dot\n',
    'docker/.env': 'WHO=dot\n',
    'app/Containerfile':
      'FROM scratch AS wanted\nARG WHO\nARG FROM_SHELL\nLABEL who=$WHO shell=$FROM_SHELL\nFROM nosuch.invalid/x AS other\n',
  });
  const env = {DOCKER_IMAGE_TAG: run, FROM_SHELL: 'sh'};
  const name = `build-image-test/composed:${run}`;
  t.teardown(() => daemon.docker.getImage(name).remove({force: true}));
  const built = await cli(['--driver', 'docker', '--json'], {env});
  t.is(built.status, 0, built.stderr);
  t.deepEqual((JSON.parse(built.stdout) as Answer).tags, [name]);
  t.is(readFileSync(join(root, 'docker/web.env'), 'utf8'), 'A=1\n');
  t.deepEqual((await daemon.docker.getImage(name).inspect()).Config.Labels, {who: 'dot', shell: 'sh'});
  const again = await cli(['--driver', 'docker', '--json', '--build-arg', 'WHO=flag'], {env: {...env, WHO: 'shell'}});
  t.is(again.status, 0, again.stderr);
  t.false(again.stderr.includes('created'));
  t.is((await daemon.docker.getImage(name).inspect()).Config.Labels['who'], 'flag');
});

const portalLike = [
  'FROM debian:bookworm as builder',
  'ENV ARTIFACT_DIR=/tmp/artifacts',
  'WORKDIR "$HOME/portal"',
  'COPY . .',
  'RUN dpkg-buildpackage',
  '',
  'FROM debian:bookworm as production',
  'ENV ARTIFACT_DIR=/tmp/artifacts \\',
  '    PORT=8008',
  'ARG debian_sources_entry="deb [trusted=yes] file:${ARTIFACT_DIR} ./"',
  'RUN echo "${debian_sources_entry}" > /etc/apt/sources.list.d/portal.list',
  'COPY --from=builder "${ARTIFACT_DIR}" "${ARTIFACT_DIR}"',
  'WORKDIR "$HOME/portal"',
  'EXPOSE "${PORT}"',
  'CMD \\',
  '    # the tables',
  '    flask sync && \\',
  '',
  '    gunicorn \\',
  '',
  '        --bind "0.0.0.0:${PORT}" \\',
  '        "portal:create_app()"',
  '',
].join('\n');

test('plan --json of a portal-like checkout, where nothing was ever built and no daemon answers', async (t) => {
  const {cli, root} = workshop(t, undefined, {'docker/Dockerfile': portalLike, 'debian/control': ''});
  const {status, stdout, stderr} = await cli(['plan', '--json'], {env: {HOME: undefined}});
  t.is(status, 0, stderr);
  const plan = JSON.parse(stdout) as {
    readonly args: readonly {readonly name: string; readonly value: string}[];
    readonly stages: readonly {
      readonly name: string;
      readonly workdir: string;
      readonly exposed: readonly string[];
      readonly cmd: readonly string[];
      readonly steps: readonly {readonly instruction: string; readonly text: string; readonly cached: unknown}[];
    }[];
    readonly artifacts: readonly {readonly stage: string; readonly path: string}[];
  };
  const [builder, production] = plan.stages;
  t.is(builder?.workdir, '/portal');
  t.is(production?.workdir, '/portal');
  t.is(plan.args.find(({name}) => name === 'debian_sources_entry')?.value, 'deb [trusted=yes] file:/tmp/artifacts ./');
  const commands = production?.steps.filter(({instruction}) => instruction === 'CMD') ?? [];
  t.is(commands.length, 1);
  t.regex(commands[0]?.text ?? '', /flask sync.*gunicorn.*portal:create_app/s);
  t.deepEqual(production?.exposed, ['8008/tcp']);
  t.deepEqual(plan.artifacts, [{stage: 'builder', path: '/tmp/artifacts'}]);
  t.true(plan.stages.flatMap(({steps}) => steps).every(({cached}) => cached === 'unknown'));
  t.deepEqual(namesIn(root), ['debian', 'docker']);
  const people = await cli(['plan']);
  t.is(people.status, 0, people.stderr);
  t.regex(people.stdout, /debian_sources_entry/);
});

test('check lists the problems with their lines, and its exit status says that there are some', async (t) => {
  const {cli} = workshop(t, undefined, {Dockerfile: 'FROM scratch as a\nCMD echo $x\n', clean: 'FROM scratch\n'});
  const wrong = await cli(['check']);
  t.is(wrong.status, 1);
  t.regex(wrong.stdout, /FromAsCasing: Dockerfile:1:/);
  t.regex(wrong.stdout, /JSONArgsRecommended: Dockerfile:2:/);
  t.like(await cli(['check', '-f', 'clean']), {status: 0, stdout: 'clean: no problems found\n'});
  t.is((await cli(['build', '--check'])).status, 1);
});

test('context says what is sent, and which rule ignored the rest', async (t) => {
  const {cli} = workshop(t, undefined, {
    Dockerfile: 'FROM scratch\n',
    '.dockerignore': '*.log\n!keep.log\n',
    'a.log': 'a',
    'keep.log': 'keep',
    'b.txt': 'b',
  });
  const {status, stdout, stderr} = await cli(['context']);
  t.is(status, 0, stderr);
  t.regex(stdout, /a\.log.*\*\.log/);
  t.regex(stdout, /keep\.log/);
  const listed = await cli(['context', '--json']);
  t.notThrows(() => JSON.parse(listed.stdout) as unknown);
});
