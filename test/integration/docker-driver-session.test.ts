import {execFileSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {createDockerDriver} from '../../engine/drivers/docker/driver.js';
import {openAgents} from '../../engine/drivers/docker/session/ssh.js';
import {collectEvents, contextOf, planOf, requestOf} from '../helpers/build.js';
import {busyboxImage, daemonOrSkip, type DaemonKind} from '../helpers/daemon.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

const never = new AbortController().signal;

const secret = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const value = `very-secret-${process.pid}-${Date.now()}`;
    const events = collectEvents();
    const text = `FROM ${base}\nRUN --mount=type=secret,id=token,required=true test "$(cat /run/secrets/token | sha256sum | head -c 8)" != "" && cp /run/secrets/token /tmp/t && sha256sum /tmp/t && rm /tmp/t\n`;
    const request = requestOf(contextOf(temporaryDirectory(t)), {
      network: 'host',
      noCache: true,
      secrets: new Map([['token', {kind: 'env', name: 'TOKEN', value}]]),
    });
    const built = await createDockerDriver(daemon.endpoint).build(planOf(text), request, events, never);
    t.teardown(() => daemon.docker.getImage(built.configDigest ?? '').remove({force: true}));
    await built.close();
    const digest = execFileSync('sha256sum', {input: value}).toString().slice(0, 64);
    t.true(events.log().includes(digest));
    t.false(JSON.stringify(events.events).includes(value));
    const image = daemon.docker.getImage(built.configDigest ?? '');
    t.false(JSON.stringify([await image.inspect(), await image.history()]).includes(value));
  },
  title: (_, kind) => `a secret reaches the step that mounts it and nothing else (${kind} daemon)`,
});

const outputs = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const root = temporaryDirectory(t);
    const text = `FROM ${base} AS b\nRUN mkdir -p /o/d && echo x > /o/d/f && chmod 750 /o/d/f && ln -s f /o/d/l\nFROM scratch\nCOPY --from=b /o /\n`;
    const request = requestOf(contextOf(temporaryDirectory(t)), {
      network: 'host',
      outputs: [
        {type: 'local', dest: join(root, 'local'), attributes: {}},
        {type: 'tar', dest: join(root, 'out.tar'), attributes: {}},
      ],
    });
    const built = await createDockerDriver(daemon.endpoint).build(planOf(text), request, collectEvents(), never);
    await built.close();
    t.is(built.configDigest, undefined);
    t.deepEqual(readdirSync(root).sort(), ['local', 'out.tar']);
    t.is(readFileSync(join(root, 'local/d/f'), 'utf8'), 'x\n');
    t.is(statSync(join(root, 'local/d/f')).mode & 0o777, 0o750);
    t.is(readlinkSync(join(root, 'local/d/l')), 'f');
    t.is(execFileSync('tar', ['-tf', join(root, 'out.tar')]).toString(), 'd/\nd/f\nd/l\n');
  },
  title: (_, kind) => `local and tar outputs are complete, and no image is made (${kind} daemon)`,
});

const unreadable = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const root = temporaryDirectory(t);
    // Large enough to be streamed.
    writeTree(root, {a: 'content'.repeat(100_000)});
    const context = contextOf(root);
    const changing = {
      ...context,
      open: () => {
        throw new BuildError('CONTEXT_CHANGED', 'a changed while it was read');
      },
    };
    const driver = createDockerDriver(daemon.endpoint);
    const error = await t.throwsAsync(
      driver.build(planOf('FROM scratch\nCOPY a /\n'), requestOf(changing), collectEvents(), never),
      {instanceOf: BuildError},
    );
    t.is(error.code, 'CONTEXT_CHANGED');
  },
  title: (_, kind) => `a context that cannot be read fails the build with its own error (${kind} daemon)`,
});

const links = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const root = temporaryDirectory(t);
    // The frontend asks for `via/file` alone; what the link leads to has to come with it.
    writeTree(root, {
      'real/file': 'content\n',
      'real/other': 'no\n',
      via: {link: 'real'},
      [`x, y/${'n'.repeat(100)}`]: 'comma\n',
    });
    const text = `FROM ${base}\nCOPY via/file /f\nCOPY ["x, y", "/c"]\nRUN cat /f && cat /c/*\n`;
    const events = collectEvents();
    const request = requestOf(contextOf(root), {network: 'host', noCache: true});
    const built = await createDockerDriver(daemon.endpoint).build(planOf(text), request, events, never);
    t.teardown(() => daemon.docker.getImage(built.configDigest ?? '').remove({force: true}));
    await built.close();
    t.is(events.log(), 'content\ncomma\n');
  },
  title: (_, kind) => `symlinks on the way and commas in names are served (${kind} daemon)`,
});

for (const kind of ['debian', 'current'] as const) {
  test.serial(secret, kind);
  test.serial(outputs, kind);
  test.serial(unreadable, kind);
  test.serial(links, kind);
}

test.serial('named contexts are a directory and an image (current daemon)', async (t) => {
  const daemon = daemonOrSkip(t, 'current');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const named = temporaryDirectory(t);
  writeTree(named, {'n.txt': 'named\n'});
  const events = collectEvents();
  const request = requestOf(contextOf(temporaryDirectory(t)), {
    network: 'host',
    noCache: true,
    contexts: new Map([
      ['Files', {kind: 'directory', context: contextOf(named)}],
      ['base', {kind: 'image', reference: base}],
    ]),
  });
  const text = 'FROM base\nCOPY --from=files n.txt /\nRUN cat /n.txt\n';
  const built = await createDockerDriver(daemon.endpoint).build(planOf(text), request, events, never);
  t.teardown(() => daemon.docker.getImage(built.configDigest ?? '').remove({force: true}));
  await built.close();
  t.is(events.log(), 'named\n');
});

test.serial('a key file is forwarded through an agent that ends with the build (debian daemon)', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  if (!existsSync('/usr/bin/ssh-keygen')) {
    t.log('skipped: no openssh-client');
    t.pass();
    return;
  }
  const base = await busyboxImage(daemon);
  const root = temporaryDirectory(t);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test-key', '-f', join(root, 'key')]);
  const events = collectEvents();
  const request = requestOf(contextOf(temporaryDirectory(t)), {
    network: 'host',
    noCache: true,
    ssh: new Map([['default', {keys: [join(root, 'key')]}]]),
  });
  const text = `FROM ${base}\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo there\n`;
  const built = await createDockerDriver(daemon.endpoint).build(planOf(text), request, events, never);
  t.teardown(() => daemon.docker.getImage(built.configDigest ?? '').remove({force: true}));
  await built.close();
  t.is(events.log(), 'there\n');

  const agents = await openAgents(request.ssh, never);
  const socket = agents.sockets.get('default') ?? '';
  const listed = execFileSync('ssh-add', ['-l'], {
    env: {PATH: process.env['PATH'] ?? '', SSH_AUTH_SOCK: socket},
  }).toString();
  await agents.close();
  t.true(listed.includes('test-key'));
  t.false(existsSync(socket));
});
