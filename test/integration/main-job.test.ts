import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {cpSync, existsSync, readFileSync, statSync} from 'node:fs';
import {createServer as createHttpServer} from 'node:http';
import {createServer, type AddressInfo} from 'node:net';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {makeDeb, portalControl} from '../artifacts/make-deb.js';
import {namesIn, workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, type DaemonKind, leftovers} from '../helpers/daemon.js';
import {ensureDebianImage} from '../helpers/debian-image.js';

interface Answer {
  readonly driver: string;
  readonly digest: string | null;
  readonly configDigest: string | null;
  readonly tags: readonly string[];
  readonly outputs: readonly string[];
  readonly artifacts: readonly {
    readonly path: string;
    readonly sha256: string;
    readonly size: number;
    readonly package: string;
    readonly version: string;
    readonly architecture: string;
  }[];
  readonly steps: {readonly ran: number; readonly cached: number};
  readonly seconds: number;
  readonly warnings: readonly {readonly rule: string; readonly line: number; readonly message: string}[];
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

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
  t.true((image.Config.Env ?? []).includes('FLASK_APP=portal'));
  t.regex(image.Config.Cmd?.[2] ?? '', /flask sync[^]*gunicorn/);

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
    'docker/compose.yaml': '',
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

test('an argument that nothing declares is reported with the nearest name', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, tag} = workshop(t, daemon, {
    Dockerfile:
      'FROM scratch\nARG VERSION=1\nARG TARGETARCH\nLABEL v=$VERSION arch=$TARGETARCH env=$E\nENV E=1 F=${VERSION}\nLABEL f=$F\n',
    'args.txt': '# comment\nVERSION=from-file\n',
  });
  const misspelt = await cli(['--driver', 'docker', '-t', tag, '--json', '--build-arg', 'VERSOIN=2']);
  t.is(misspelt.status, 0, misspelt.stderr);
  const warnings = (JSON.parse(misspelt.stdout) as Answer).warnings.filter(({rule}) => rule === 'UnusedBuildArg');
  t.is(warnings.length, 1);
  t.regex(warnings[0]?.message ?? '', /VERSOIN.*VERSION/);
  t.regex(misspelt.stderr, /VERSOIN.*VERSION/);
  const labels = async (): Promise<Record<string, string>> =>
    (await daemon.docker.getImage(tag).inspect()).Config.Labels;
  t.is((await labels())['v'], '1');
  t.regex((await labels())['arch'] ?? '', /^(?:amd64|arm64)$/);
  const fromFile = await cli(['--driver', 'docker', '-t', tag, '--build-arg-file', 'args.txt']);
  t.is(fromFile.status, 0, fromFile.stderr);
  t.is((await labels())['v'], 'from-file');
  const fromEnvironment = await cli(['--driver', 'docker', '-t', tag, '--build-arg', 'VERSION'], {env: {VERSION: 'e'}});
  t.is(fromEnvironment.status, 0, fromEnvironment.stderr);
  t.is((await labels())['v'], 'e');
});

test('--env overrides an ENV of every stage or of one, and keeps line numbers', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, tag} = workshop(t, daemon, {
    Dockerfile: `FROM ${base} AS one\nENV A=1 \\\n    B=2\nRUN echo "$A $B" > /a\nFROM ${base}\nENV A=1 B=2\nCOPY --from=one /a /a\nRUN echo "$A $B" > /b && cat /a /b\nLABEL a=$A b=$B\n`,
    broken: `FROM ${base}\nENV A=1\nRUN exit 3\n`,
  });
  const args = ['--driver', 'docker', '-t', tag, '--progress', 'plain', '--no-artifacts'];
  const all = await cli([...args, '--env', 'A=x y', '--env', 'one:B=$HOME"\'']);
  t.is(all.status, 0, all.stderr);
  t.regex(all.stderr, /\d x y \$HOME"'$/m);
  t.regex(all.stderr, /\d x y 2$/m);
  t.deepEqual((await daemon.docker.getImage(tag).inspect()).Config.Labels, {a: 'x y', b: '2'});
  const undeclared = await cli([...args, '--env', 'C=1']);
  t.not(undeclared.status, 0);
  t.regex(undeclared.stderr, /C\b/);
  const failing = await cli([...args, '-f', 'broken', '--env', 'A=2\n3']);
  t.is(failing.status, 1);
  t.regex(failing.stderr, /broken:3: .*exit code 3/);
});

test('target, labels, network, the cache and the platform are as the flags say', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, tag, run} = workshop(t, daemon, {
    Dockerfile: `FROM ${base} AS one\nLABEL run=RUN\nRUN ls /sys/class/net > /net\nFROM one AS two\nRUN cat /net\nFROM two AS three\nRUN exit 1\n`,
  });
  const args = ['--driver', 'docker', '-t', tag, '--target', 'two', '--json', '--label', `run=${run}`];
  const none = await cli([...args, '--network', 'none', '--progress', 'plain', '--label', 'empty']);
  t.is(none.status, 0, none.stderr);
  t.regex(none.stderr, /^#\d+ [\d.]+ lo$/m);
  t.notRegex(none.stderr, /^#\d+ [\d.]+ eth0$/m);
  t.deepEqual((await daemon.docker.getImage(tag).inspect()).Config.Labels, {run, empty: ''});
  const steps = async (...more: string[]) => {
    const built = await cli([...args, '--network', 'none', ...more]);
    t.is(built.status, 0, built.stderr);
    return (JSON.parse(built.stdout) as Answer).steps;
  };
  t.is((await steps()).ran, 0);
  t.is((await steps('--no-cache')).ran, 2);
  t.is((await steps('--no-cache-filter', 'two')).ran, 1);
  t.is((await steps('--platform', 'linux/amd64')).ran, 0);
  const unknown = await cli([...args, '--platform', 'plan9']);
  t.is(unknown.status, 2);
  t.deepEqual(await leftovers(daemon, `run=${run}`), {containers: [], untagged: []});
});

test('outputs: a directory, a tar file and a tar on standard output', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, temporary} = workshop(t, daemon, {
    Dockerfile: 'FROM scratch\nCOPY a.txt dir /out/\n',
    'a.txt': 'content',
    'dir/run.sh': {mode: 0o755, content: '#!/bin/sh\n'},
    'dir/ü.txt': 'unicode',
  });
  const local = await cli(['--driver', 'docker', '-o', 'type=local,dest=tree']);
  t.is(local.status, 0, local.stderr);
  t.deepEqual(namesIn(join(root, 'tree/out')), ['a.txt', 'run.sh', 'ü.txt']);
  t.is(readFileSync(join(root, 'tree/out/a.txt'), 'utf8'), 'content');
  t.is(statSync(join(root, 'tree/out/run.sh')).mode & 0o777, 0o755);
  t.regex(local.stdout, /tree/);
  const file = await cli(['--driver', 'docker', '-o', 'type=tar,dest=out.tar', '-o', 'plain-directory']);
  if (file.status === 0) t.deepEqual(namesIn(join(root, 'plain-directory')), ['out']);
  else t.is((await cli(['--driver', 'docker', '-o', 'type=tar,dest=out.tar'])).status, 0, file.stderr);
  t.true(readFileSync(join(root, 'out.tar'), 'latin1').includes('out/a.txt'));
  const stdout = await cli(['--driver', 'docker', '-o', '-']);
  t.is(stdout.status, 0, stdout.stderr);
  t.true(stdout.stdout.includes('out/a.txt'));
  t.notRegex(stdout.stdout, /^image /m);
  t.deepEqual(namesIn(temporary), []);
});

test('artifacts: patterns, several packages, and what there is where nothing matches', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, tag, run, temporary} = workshop(t, daemon, {
    Dockerfile: [
      'FROM scratch AS builder',
      'LABEL run=RUN',
      'COPY a.deb portal_1.0-2_amd64.deb',
      'COPY a.deb b.deb notes.txt /out/',
      'FROM scratch AS other',
      'COPY notes.txt /other/',
      'FROM scratch',
      'LABEL run=RUN',
      'COPY --from=builder /out /in',
      '',
    ].join('\n'),
    'notes.txt': 'notes',
  });
  makeDeb(root, 'a.deb');
  makeDeb(root, 'b.deb', 'xz', portalControl.replaceAll('portal', 'second'));
  const edited = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('RUN', run);
  const args = ['--driver', 'docker', '-t', tag, '-f', '-', '--json'];
  const build = (...more: string[]) => cli([...args, ...more], {stdin: edited});
  const both = await build();
  t.is(both.status, 0, both.stderr);
  t.deepEqual(
    (JSON.parse(both.stdout) as Answer).artifacts.map((each) => [each.package, each.version, each.architecture]).sort(),
    [
      ['portal', '1:1.0-2', 'amd64'],
      ['second', '1:1.0-2', 'amd64'],
    ],
  );
  t.is(namesIn(join(root, 'artifacts')).length, 2);
  const chosen = await build('--artifact', '/out/*.txt', '--artifact', 'other:/other/*', '--artifacts-dir', 'chosen');
  t.regex(chosen.stderr, /notes\.txt/);
  const one = await build('--artifact', 'builder:/out/b*.deb', '--artifacts-dir', 'one');
  t.is(one.status, 0, one.stderr);
  t.is(namesIn(join(root, 'one')).length, 1);
  const missing = await build('--artifact', 'builder:/out/*.rpm', '--artifacts-dir', 'none');
  t.is(missing.status, 1);
  t.regex(missing.stderr, /\*\.rpm/);
  t.regex(missing.stderr, /a\.deb|notes\.txt/, 'the error lists what is there');
  t.deepEqual(namesIn(join(root, 'none')), []);
  const without = await build('--no-artifacts', '--artifacts-dir', 'without');
  t.is(without.status, 0, without.stderr);
  t.deepEqual(namesIn(join(root, 'without')), []);
  t.deepEqual(await leftovers(daemon, `run=${run}`), {containers: [], untagged: []});
  t.deepEqual(namesIn(temporary), []);
});

test('a builder that makes no package is an error that lists what is there', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, root, run, tag} = workshop(t, daemon, {
    Dockerfile: `FROM ${base} AS builder\nLABEL run=RUN\nRUN mkdir /out && touch /out/portal.changes  # dpkg-buildpackage\nFROM ${base}\nLABEL run=RUN\nCOPY --from=builder /out /out\n`,
  });
  const stdin = readFileSync(join(root, 'Dockerfile'), 'utf8')
    .replaceAll('RUN=', '')
    .replaceAll('run=RUN', `run=${run}`);
  const {status, stderr} = await cli(['--driver', 'docker', '-t', tag, '-f', '-', '--artifact', 'builder:/out/*.deb'], {
    stdin,
  });
  t.is(status, 1, stderr);
  t.regex(stderr, /portal\.changes/);
  t.deepEqual(namesIn(join(root, 'artifacts')), []);
  t.deepEqual(await leftovers(daemon, `run=${run}`), {containers: [], untagged: []});
});

test('contexts: named ones, a tar and a Dockerfile on standard input, a Dockerfile outside', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, tag, temporary} = workshop(t, daemon, {
    'context/a.txt': 'a',
    'context/Dockerfile': 'FROM scratch\nCOPY a.txt /from-context\n',
    'context/b/Other': 'FROM scratch\nCOPY a.txt /from-other\n',
    'more/b.txt': 'b',
    'outside/Dockerfile': 'FROM scratch\nCOPY a.txt /from-outside\n',
    named: 'FROM scratch\nCOPY --from=more b.txt /named\nCOPY a.txt /\n',
  });
  const files = async (args: readonly string[], options = {}): Promise<string> => {
    const built = await cli(['--driver', 'docker', '-t', tag, '-o', '-', ...args], options);
    t.is(built.status, 0, built.stderr);
    return built.stdout.match(/from-\w+|named/)?.[0] ?? '';
  };
  t.is(await files(['-f', 'outside/Dockerfile', 'context']), 'from-outside');
  t.is(await files(['-f', 'named', '--build-context', 'more=more', 'context']), 'named');
  t.is(await files(['-f', '-', 'context'], {stdin: 'FROM scratch\nCOPY a.txt /from-stdin\n'}), 'from-stdin');
  t.is(await files(['-'], {stdin: 'FROM scratch\nWORKDIR /from-text\n'}), 'from-text');
  const tar = execFileSync('tar', ['-C', join(root, 'context'), '-czf', '-', '.']);
  t.is(await files(['-'], {stdin: tar}), 'from-context');
  t.is(await files(['-f', 'b/Other', '-'], {stdin: tar}), 'from-other');
  t.deepEqual(namesIn(temporary), []);
});

test('a Git URL is a context: a branch, and a directory in it', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, tag, temporary} = workshop(t, daemon, {
    'repository/Dockerfile': 'FROM scratch\nCOPY a.txt /from-main\n',
    'repository/a.txt': 'a',
    'repository/sub/Dockerfile': 'FROM scratch\nCOPY s.txt /from-sub\n',
    'repository/sub/s.txt': 's',
  });
  const repository = join(root, 'repository');
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      stdio: 'pipe',
    });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '-m', 'one');
  git('checkout', '--quiet', '-b', 'branch');
  execFileSync('sed', ['-i', 's/from-sub/from-branch/', join(repository, 'sub/Dockerfile')]);
  git('commit', '--quiet', '-am', 'two');
  git('checkout', '--quiet', 'main');
  git('update-server-info');
  const server = createHttpServer((request, response) => {
    const path = join(
      root,
      'repository',
      new URL(request.url ?? '/', 'http://x').pathname.replace(/^\/repo\.git/, '.git'),
    );
    if (existsSync(path) && statSync(path).isFile()) response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const {port} = server.address() as AddressInfo;
  for (const [url, expected] of [
    [`http://127.0.0.1:${port}/repo.git`, 'from-main'],
    [`http://127.0.0.1:${port}/repo.git#main:sub`, 'from-sub'],
    [`http://127.0.0.1:${port}/repo.git#branch:sub`, 'from-branch'],
  ] as const) {
    const built = await cli(['--driver', 'docker', '-t', tag, '-o', '-', url]);
    t.is(built.status, 0, built.stderr);
    t.is(/from-\w+/.exec(built.stdout)?.[0], expected);
  }
  t.deepEqual(namesIn(temporary), []);
});

const heredocs = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const {cli, tag} = workshop(t, daemon, {
      Dockerfile: `FROM ${base}\nARG T=t\nCOPY <<EOF <<"RAW" /d/\n$T\nEOF\n$T\nRAW\nRUN <<EOF\ncat /d/EOF\ncat /d/RAW\nEOF\n`,
    });
    const {status, stderr} = await cli(['--driver', 'docker', '-t', tag, '--progress', 'plain']);
    if (kind === 'current') {
      t.is(status, 0, stderr);
      t.regex(stderr, /^#\d+ [\d.]+ t\n#\d+ [\d.]+ \$T$/m);
    } else {
      t.is(status, 2, stderr);
      t.regex(stderr, /Dockerfile:3: .*here-document/i);
    }
  },
  title: (_, kind) =>
    kind === 'current'
      ? 'here-documents are built'
      : 'here-documents that the daemon does not know are said beforehand',
});
test(heredocs, 'debian');
test(heredocs, 'current');

test('progress: plain, rawjson and quiet', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, tag} = workshop(t, daemon, {Dockerfile: `FROM ${base} as one\nRUN echo out; echo err >&2\n`});
  const args = ['--driver', 'docker', '-t', tag, '--no-cache', '--progress'];
  const raw = await cli([...args, 'rawjson']);
  t.is(raw.status, 0, raw.stderr);
  const events = raw.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const types = new Set([
    'step-started',
    'step-log',
    'step-progress',
    'step-done',
    'step-cached',
    'warning',
    'note',
    'result',
  ]);
  for (const event of events) {
    t.regex(String(event['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    t.true(types.has(String(event['type'])), JSON.stringify(event));
    if (String(event['type']).startsWith('step-')) t.is(typeof event['step'], 'string');
  }
  t.deepEqual(
    events
      .filter(({type}) => type === 'step-log')
      .map(({stream, text}) => [stream, text])
      .sort(),
    [
      ['stderr', 'err\n'],
      ['stdout', 'out\n'],
    ],
  );
  for (const step of new Set(events.map((event) => event['step']).filter((id) => id !== undefined))) {
    const ends = events.filter(({type, step: id}) => id === step && (type === 'step-done' || type === 'step-cached'));
    t.is(ends.length, 1, `step ${String(step)} ends once`);
  }
  t.like(events.at(-1), {type: 'result', tags: [tag], steps: {ran: 1, cached: 0}});
  t.like(
    events.find(({type, rule}) => type === 'warning' && rule === 'FromAsCasing'),
    {line: 1},
  );

  const plain = await cli([...args, 'plain']);
  t.regex(plain.stderr, /^#\d+ [\d.]+ out$/m);
  t.regex(plain.stderr, /1 step ran/);
  t.notRegex(plain.stderr, /\u001b/, 'no escape sequences without a terminal');
  const auto = await cli([...args, 'auto'], {env: {NO_COLOR: '1', TERM: 'xterm-256color'}});
  t.notRegex(auto.stderr, /\u001b/);
  const quiet = await cli(['--driver', 'docker', '-t', tag, '-q']);
  t.is(quiet.stderr.includes('out'), false);
  t.regex(quiet.stdout, /^sha256:[0-9a-f]{64}\n$/);
  const quietMode = await cli(['--driver', 'docker', '-t', tag, '--progress', 'quiet']);
  t.notRegex(quietMode.stderr, /#\d/);
});
