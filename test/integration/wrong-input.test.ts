import {execFileSync} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync} from 'node:fs';
import {connect, createServer} from 'node:net';
import {dirname, join} from 'node:path';
import test from 'ava';
import {makeDeb} from '../artifacts/make-deb.js';
import {namesIn, type CliRun, workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, leftovers} from '../helpers/daemon.js';
import type {TreeEntry} from '../helpers/tree.js';

const message = (stderr: string): string => stderr.slice(stderr.indexOf('build-image: '));

/** One error, at the end, without a stack trace or an object's insides. */
const clear = ({stderr, stdout}: CliRun): string | undefined => {
  if (stderr.split('\n').filter((line) => line.startsWith('build-image: ')).length !== 1) return 'not one message';
  if (
    /^\s+at .*:\d+:\d+\)?$/m.test(stderr) ||
    /node:internal|\[object|undefined|internal error/.test(message(stderr))
  ) {
    return 'the inside shows';
  }
  return /^image /m.test(stdout) ? 'it answers' : undefined;
};

interface Wrong {
  readonly tree: Readonly<Record<string, TreeEntry>>;
  readonly args?: readonly string[];
  readonly status: 1 | 2 | 3;
  /** What the message holds: position, and what to do. */
  readonly says: readonly RegExp[];
}

/** `BASE` and `RUN` in a Dockerfile stand for the base image and the label's value. */
const wrong = test.macro<[string, Wrong]>({
  async exec(t, _, {tree, args = [], status, says}) {
    const daemon = daemonOrSkip(t, 'debian');
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const {cli, temporary, run, root, tag} = workshop(t, daemon, tree);
    const fill = ['-i', `s#BASE#${base}#; s#run=RUN#run=${run}#`];
    if (existsSync(join(root, 'Dockerfile'))) execFileSync('sed', [...fill, join(root, 'Dockerfile')]);
    const ended = await cli(['--driver', 'docker', '-t', tag, ...args]);
    t.is(ended.status, status, ended.stderr);
    t.is(clear(ended), undefined, ended.stderr);
    for (const each of says) t.regex(message(ended.stderr), each);
    t.deepEqual(namesIn(temporary), []);
    t.deepEqual(namesIn(join(root, 'artifacts')), []);
    t.deepEqual(await leftovers(daemon, `run=${run}`), {containers: [], untagged: []});
    await t.throwsAsync(daemon.docker.getImage(tag).inspect(), undefined, 'no image has the tag');
  },
  title: (_, title) => title,
});

test(wrong, 'an unknown instruction', {
  tree: {Dockerfile: 'FROM BASE\nLABEL run=RUN\nCPOY a b\n'},
  status: 2,
  says: [/^build-image: Dockerfile:3: /, /> 3 \| CPOY a b\n +\| \^{4}\n/, /"COPY"/],
});
test(wrong, 'an unknown stage', {
  tree: {Dockerfile: 'FROM BASE AS builder\nFROM scratch\nCOPY --from=bilder /bin /bin\n'},
  status: 2,
  says: [/^build-image: Dockerfile:3: /, /\^{6}/, /"builder"/],
});
test(wrong, 'an unknown target', {
  tree: {Dockerfile: 'FROM BASE AS builder\n'},
  args: ['--target', 'bulder'],
  status: 2,
  says: [/bulder/, /builder/],
});
test(wrong, 'an unknown flag of an instruction', {
  tree: {Dockerfile: 'FROM BASE\nCOPY --chwon=1 a b\n', a: ''},
  status: 2,
  says: [/^build-image: Dockerfile:2: /, /\^{7}/, /chown/],
});
test(wrong, 'an unknown flag of the command line', {
  tree: {Dockerfile: 'FROM scratch\n'},
  args: ['--taget', 'x'],
  status: 2,
  says: [/--taget/, /--target/],
});
test(wrong, 'a variable without a value in FROM', {
  tree: {Dockerfile: 'ARG RELEASE\nFROM debian:$RELEASE\n'},
  status: 2,
  says: [/^build-image: Dockerfile:2: /, /RELEASE/, /ARG RELEASE=|--build-arg/],
});
test(wrong, 'a name of ENV with a quote that is not closed', {
  tree: {Dockerfile: 'FROM BASE\nENV A=1 "B=2\n'},
  status: 2,
  says: [/^build-image: Dockerfile:2: /, /not closed/],
});
test(wrong, 'a source of COPY that is not there', {
  tree: {
    Dockerfile: 'FROM BASE\nLABEL run=RUN\nCOPY setup.py \\\n     requirments.txt /app/\n',
    'requirements.txt': '',
    'setup.py': '',
  },
  status: 1,
  says: [/^build-image: Dockerfile:4: /, /> 4 \|.*\n +\| +\^{15}\n/, /"requirements\.txt"/],
});
test(wrong, 'a source of COPY that .dockerignore leaves out', {
  tree: {Dockerfile: 'FROM BASE\nLABEL run=RUN\nCOPY a.log /\n', 'a.log': '', '.dockerignore': 'b\n*.log\n'},
  status: 1,
  says: [/^build-image: Dockerfile:3: /, /a\.log/, /\.dockerignore:2/, /\^{5}\n/],
});
test(wrong, 'a path that no stage has', {
  tree: {Dockerfile: 'FROM BASE AS one\nFROM BASE\nLABEL run=RUN\nCOPY --from=one /nowhere /\n'},
  status: 1,
  says: [/^build-image: Dockerfile:4: /, /\/nowhere/],
});
test(wrong, 'a command that fails', {
  tree: {Dockerfile: 'FROM BASE\nLABEL run=RUN\nRUN true && \\\n    echo the reason >&2 && exit 7\n'},
  status: 1,
  says: [/^build-image: Dockerfile:3: .*exit code 7/],
});
test(wrong, 'a broken Compose file', {
  tree: {'compose.yaml': 'services:\n  web:\n    build: [.\n    image: x\n', Dockerfile: 'FROM scratch\n'},
  status: 2,
  says: [/^build-image: compose\.yaml:\d/, /\^/],
});
test(wrong, 'a Compose file with a misspelt key', {
  tree: {'compose.yaml': 'services:\n  web:\n    build: {contxt: .}\n', Dockerfile: 'FROM scratch\n'},
  status: 2,
  says: [/^build-image: compose\.yaml:3/, /contxt/, /context/],
});
test(wrong, 'no Dockerfile', {tree: {}, status: 2, says: [/no Dockerfile/, /--file/]});
test(wrong, 'a context that is not there', {
  tree: {},
  args: ['nowhere'],
  status: 2,
  says: [/nowhere/],
});
test(wrong, 'a secret that no file holds', {
  tree: {Dockerfile: 'FROM BASE\nLABEL run=RUN\nRUN --mount=type=secret,id=s,required cat /run/secrets/s\n'},
  args: ['--secret', 'id=s,src=nowhere'],
  status: 2,
  says: [/nowhere/],
});

test('no daemon: what to start, and exit status 3', async (t) => {
  const {cli, temporary} = workshop(t, undefined, {Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n'});
  const ended = await cli(['--driver', 'docker']);
  t.is(ended.status, 3, ended.stderr);
  t.is(clear(ended), undefined, ended.stderr);
  t.regex(ended.stderr, /no\.sock/);
  t.regex(ended.stderr, /DOCKER_HOST/);
  t.deepEqual(namesIn(temporary), []);
});

test('a file of the context that the user may not read', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, temporary, store} = workshop(t, daemon, {
    Dockerfile: 'FROM scratch\nCOPY . /\n',
    'sub/private.key': 'x',
  });
  chmodSync(join(root, 'sub/private.key'), 0o600);
  // The user must reach the checkout, and have a TMPDIR and a store of its own.
  chmodSync(dirname(root), 0o755);
  mkdirSync(store);
  for (const path of [temporary, store]) chmodSync(path, 0o777);
  // The daemon's own socket lies in a directory of root's.
  const socket = join(dirname(root), 'docker.sock');
  const proxy = createServer((from) => {
    const to = connect(daemon.socket);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((done) => proxy.listen(socket, done));
  t.teardown(() => proxy.close());
  chmodSync(socket, 0o666);
  const ended = await cli(['--driver', 'docker', '--no-artifacts'], {
    env: {DOCKER_HOST: `unix://${socket}`},
    prefix: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'],
  });
  t.is(ended.status, 1, ended.stderr);
  t.is(clear(ended), undefined, ended.stderr);
  t.regex(ended.stderr, /sub\/private\.key/);
  t.regex(ended.stderr, /\.dockerignore|chmod|permission/i);
  t.deepEqual(namesIn(temporary), []);
});

test('a full disk while artifacts are taken out', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, temporary, run, tag} = workshop(t, daemon);
  const directory = join(root, 'small');
  mkdirSync(directory);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]);
  try {
    const blob = Array.from({length: 60_000}, (_, index) => index * index).join('');
    makeDeb(root, 'a.deb', 'none', undefined, {'usr/share/portal/blob': blob});
    const stdin = `FROM scratch AS one\nLABEL run=${run}\nCOPY a.deb /out/\nFROM scratch\nLABEL run=${run}\nCOPY --from=one /out /out\n`;
    const ended = await cli(['--driver', 'docker', '-t', tag, '-f', '-', '--artifacts-dir', directory, '.'], {stdin});
    t.is(ended.status, 3, ended.stderr);
    t.is(clear(ended), undefined, ended.stderr);
    t.regex(ended.stderr, /no space left/);
    t.regex(ended.stderr, /--artifacts-dir/);
    t.deepEqual(namesIn(directory), []);
    t.deepEqual(namesIn(temporary), []);
    t.deepEqual(await leftovers(daemon, `run=${run}`), {containers: [], untagged: []});
  } finally {
    execFileSync('umount', [directory]);
  }
});
