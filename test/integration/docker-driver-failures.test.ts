import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {createDockerDriver, type DockerDriverOptions} from '../../engine/drivers/docker/driver.js';
import {collectEvents, contextOf, planOf, requestOf} from '../helpers/build.js';
import {busyboxImage, daemonOrSkip, type DaemonKind, leftovers, removeAfter} from '../helpers/daemon.js';
import {temporaryDirectory} from '../helpers/temporary.js';

type Builder = NonNullable<DockerDriverOptions['builder']>;
const never = new AbortController().signal;
const kinds = ['debian', 'current'] as const;
const builders = ['buildkit', 'classic'] as const;

const failingStep = test.macro<[DaemonKind, Builder]>({
  async exec(t, kind, builder) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const text = `FROM ${base} AS builder\nRUN echo before \\\n  && echo no >&2 && exit 3\nRUN echo after\n`;
    const events = collectEvents();
    const driver = createDockerDriver(daemon.endpoint, {builder});
    const request = requestOf(contextOf(temporaryDirectory(t)), {network: 'host', noCache: true});
    const error = await t.throwsAsync(driver.build(planOf(text), request, events, never), {instanceOf: BuildError});
    t.is(error.code, 'STEP_FAILED');
    t.like(error.details, {file: 'Dockerfile', range: {start: 2, end: 3}});
    t.regex(error.message, /RUN echo before.*exit code 3/);
    // The classic builder does not keep the order between the two streams.
    t.deepEqual(events.log().trim().split('\n').sort(), ['before', 'no']);
    const left = await daemon.docker.listContainers({all: true});
    t.deepEqual(
      left.filter(({Command}) => Command.includes('echo before')),
      [],
    );
  },
  title: (_, kind, builder) => `a failing RUN names its lines and exit code (${kind} daemon, ${builder})`,
});

const aborted = test.macro<[DaemonKind, Builder]>({
  async exec(t, kind, builder) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const controller = new AbortController();
    const reason = new BuildError('CANCELLED', 'enough');
    const events = collectEvents();
    const driver = createDockerDriver(daemon.endpoint, {builder});
    const request = requestOf(contextOf(temporaryDirectory(t)), {network: 'host', noCache: true});
    const building = driver.build(
      planOf(`FROM ${base}\nRUN echo on && sleep 3600\n`),
      request,
      events,
      controller.signal,
    );
    building.catch(() => undefined);
    // What it prints, not the instruction: a container that is only about to start is not ended by every daemon.
    for (let waited = 0; !/^on$/m.test(events.log()) && waited < 20_000; waited += 20) await sleep(20);
    const start = performance.now();
    controller.abort(reason);
    t.is(await t.throwsAsync(building), reason);
    t.true(performance.now() - start < 1000);
    // The daemon ends the step a moment later.
    const running = async () =>
      (await daemon.docker.listContainers()).filter(({Command}) => Command.includes('sleep 3600'));
    for (let waited = 0; (await running()).length > 0 && waited < 10_000; waited += 100) await sleep(100);
    t.deepEqual(await running(), []);
  },
  title: (_, kind, builder) => `an aborted build rejects with the reason within a second (${kind} daemon, ${builder})`,
});

const slowStep = test.macro<[DaemonKind, Builder]>({
  async exec(t, kind, builder) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const driver = createDockerDriver(daemon.endpoint, {builder});
    const request = requestOf(contextOf(temporaryDirectory(t)), {network: 'host', stepTimeout: 4000, noCache: true});
    const plan = planOf(`FROM ${base}\nRUN echo quick\nRUN sleep 1800\n`);
    const error = await t.throwsAsync(driver.build(plan, request, collectEvents(), never), {instanceOf: BuildError});
    t.is(error.code, 'TIMEOUT');
    t.regex(error.message, /sleep 1800/);
    t.like(error.details, {range: {start: 3}});
  },
  title: (_, kind, builder) => `a step over its time limit is named (${kind} daemon, ${builder})`,
});

const registryAuth = test.macro<[DaemonKind, Builder]>({
  async exec(t, kind, builder) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response
        .writeHead(401, {'WWW-Authenticate': 'Basic realm="test"'})
        .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => server.close());
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const asked: string[] = [];
    const driver = createDockerDriver(daemon.endpoint, {builder});
    const request = requestOf(contextOf(temporaryDirectory(t)), {
      credentials: (name) => {
        asked.push(name);
        return Promise.resolve(name === host ? {username: 'ann', password: 'wrong-password'} : undefined);
      },
    });
    const plan = planOf(`FROM ${host}/private/app:1\nRUN true\n`);
    const error = await t.throwsAsync(driver.build(plan, request, collectEvents(), never), {instanceOf: BuildError});
    t.is(error.code, 'REGISTRY_AUTH');
    t.true(error.message.includes(host), error.message);
    t.false(error.message.includes('wrong-password'));
    t.true(seen.includes(`Basic ${Buffer.from('ann:wrong-password').toString('base64')}`));
    t.deepEqual([...new Set(asked)], [host]);
  },
  title: (_, kind, builder) => `refused credentials name the registry and go to no other (${kind} daemon, ${builder})`,
});

const failedPush = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    // Nothing listens there.
    const tag = `127.0.0.1:9/build-image-test/unpushed:${process.pid}`;
    removeAfter(t, daemon, tag);
    const label = `unpushed=${process.pid}`;
    const driver = createDockerDriver(daemon.endpoint, {builder: 'buildkit'});
    const request = requestOf(contextOf(temporaryDirectory(t)), {
      network: 'host',
      tags: [tag],
      outputs: [{type: 'image', dest: undefined, attributes: {push: 'true'}}],
      keepStages: [0],
    });
    const text = `FROM ${base} AS builder\nLABEL ${label}\nRUN echo x > /x\nFROM ${base}\nCOPY --from=builder /x /x\n`;
    const error = await t.throwsAsync(driver.build(planOf(text), request, collectEvents(), never), {
      instanceOf: BuildError,
    });
    t.is(error.code, 'REGISTRY_FAILED', error.message);
    t.deepEqual((await leftovers(daemon, label)).untagged, []);
  },
  title: (_, kind) => `a push that fails leaves no image of a stage that was kept to be read (${kind} daemon)`,
});

for (const kind of kinds) {
  test.serial(failedPush, kind);
  for (const builder of builders) {
    test.serial(failingStep, kind, builder);
    test.serial(aborted, kind, builder);
    test.serial(slowStep, kind, builder);
    test.serial(registryAuth, kind, builder);
  }
}

test('a daemon that is not there is an error with a remedy', async (t) => {
  const driver = createDockerDriver({kind: 'unix', path: '/nonexistent/docker.sock', from: 'DOCKER_HOST'});
  const request = requestOf(contextOf(temporaryDirectory(t)));
  const error = await t.throwsAsync(driver.build(planOf('FROM scratch\nCOPY a /\n'), request, collectEvents(), never), {
    instanceOf: BuildError,
  });
  t.is(error.code, 'DAEMON_UNREACHABLE');
  t.truthy(error.details.remedy);
});

for (const [what, instruction, name] of [
  ['RUN --mount', 'RUN --mount=type=cache,target=/c true', '--mount'],
  ['a here-document', 'RUN <<EOF\ntrue\nEOF', '<<'],
  ['COPY --link', 'COPY --link a /', '--link'],
] as const) {
  test(`the classic builder refuses ${what} before anything is sent, with its place`, async (t) => {
    const daemon = daemonOrSkip(t, 'debian');
    if (daemon === undefined) return;
    const driver = createDockerDriver(daemon.endpoint, {builder: 'classic'});
    const events = collectEvents();
    const plan = planOf(`FROM scratch\n${instruction}\n`);
    const request = requestOf(contextOf(temporaryDirectory(t)));
    const error = await t.throwsAsync(driver.build(plan, request, events, never), {instanceOf: BuildError});
    t.is(error.code, 'UNSUPPORTED');
    t.like(error.details, {range: {start: 2}});
    const at = instruction.indexOf(name) + 1;
    t.deepEqual(error.details.columns, {start: at, end: at + name.length});
    t.deepEqual(
      events.events.filter(({type}) => type !== 'note'),
      [],
    );
  });
}
