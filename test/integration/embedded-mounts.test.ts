import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import type {StepMount} from '../../engine/drivers/embedded/runtime/step-mounts.js';
import {available} from '../helpers/requirement.js';
import {type TestExecutor, withExecutor} from '../helpers/step-executor.js';

const bind = (target: string, root: string, path = '/', readOnly = true): StepMount => ({
  type: 'bind',
  target,
  root,
  path,
  readOnly,
});

const secret = (value: string, more: Partial<Extract<StepMount, {type: 'secret'}>>): StepMount => ({
  type: 'secret',
  target: '/run/secrets/key',
  env: undefined,
  value: Buffer.from(value),
  mode: undefined,
  uid: undefined,
  gid: undefined,
  ...more,
});

function cache(e: TestExecutor, more: Partial<Extract<StepMount, {type: 'cache'}>> = {}): StepMount {
  return {
    type: 'cache',
    target: '/cache',
    store: join(e.directory, 'caches'),
    id: 'go',
    sharing: 'shared',
    readOnly: false,
    mode: undefined,
    uid: undefined,
    gid: undefined,
    initial: undefined,
    ...more,
  };
}

/** Paths under an upper directory; empty: the step left nothing in the layer. */
function left(upper: string): readonly string[] {
  return readdirSync(upper, {recursive: true}).map(String).sort();
}

/** A source tree beside the root. */
function source(e: TestExecutor): string {
  const tree = join(e.directory, 'source');
  if (existsSync(tree)) return tree;
  mkdirSync(join(tree, 'sub'), {recursive: true});
  writeFileSync(join(tree, 'sub/file'), 'content');
  writeFileSync(join(tree, 'top'), 'top');
  symlinkSync('/sub', join(tree, 'link'));
  symlinkSync('/etc', join(tree, 'escape'));
  return tree;
}

test.serial('a bind mount shows a tree, a directory in it or one file, read-only', withExecutor, async (t, e) => {
  const tree = source(e);
  const {stdout, error, upper} = await e.run(
    'cat /m/sub/file /d/file /f /l/file; touch /m/x /f 2>/dev/null || echo ro',
    {
      mounts: [bind('/m', tree), bind('/d', tree, '/sub'), bind('/f', tree, 'sub/file'), bind('/l', tree, '/link')],
      overlay: true,
    },
  );
  t.is(error, undefined);
  t.is(stdout, 'contentcontentcontentcontentro\n');
  t.deepEqual(left(upper), ['dev', 'etc', 'proc', 'sys']);
});

test.serial('what a step writes to a writable bind mount is thrown away', withExecutor, async (t, e) => {
  const tree = source(e);
  const command = 'echo more >/m/file; rm /m/../m/file; echo new >/m/new; cat /m/new';
  const {stdout, error} = await e.run(command, {mounts: [bind('/m', tree, '/sub', false)]});
  t.is(error, undefined);
  t.is(stdout, 'new\n');
  t.deepEqual(readdirSync(join(tree, 'sub')), ['file']);
  t.is(readFileSync(join(tree, 'sub/file'), 'utf8'), 'content');
});

test.serial('a source that does not exist is named, also one below a file', withExecutor, async (t, e) => {
  for (const path of ['/nowhere', '/top/x']) {
    const {error} = await e.run('true', {mounts: [bind('/m', source(e), path)]});
    t.is(error?.message, `the source "${path}" of the mount at /m does not exist`);
  }
});

test.serial('mounts that fail half-way leave nothing that hinders the next step', withExecutor, async (t, e) => {
  for (let round = 0; round < 2; round++) {
    const {error} = await e.run('true', {mounts: [secret('x', {}), bind('/m', source(e), '/nowhere')]});
    t.regex(error?.message ?? '', /does not exist/);
  }
  t.is((await e.run('cat /run/secrets/key', {mounts: [secret('y', {})]})).stdout, 'y');
  t.deepEqual(readdirSync(join(e.directory, 'work')), ['memory', 'stubs']);
});

test.serial(
  'mount points and the directories above them leave no trace, not even in a time',
  withExecutor,
  async (t, e) => {
    mkdirSync(join(e.root, 'opt'));
    for (const name of ['proc', 'sys', 'dev']) mkdirSync(join(e.root, name));
    const before = new Date('2001-02-03T04:05:06.789Z');
    for (const name of ['opt', 'etc']) utimesSync(join(e.root, name), before, before);
    const {error, upper} = await e.run('test -f /opt/a/b/f/top; test -s /run/secrets/key', {
      mounts: [bind('/opt/a/b/f', source(e)), secret('x', {})],
      overlay: true,
    });
    t.is(error, undefined);
    // A directory is copied up when something is made in it; nothing about it differs.
    t.deepEqual(left(upper), ['etc', 'opt']);
    for (const name of ['opt', 'etc']) t.is(statSync(join(upper, name)).mtimeMs, before.getTime());
  },
);

test.serial('what a step puts beside a mount point stays', withExecutor, async (t, e) => {
  const {upper, error} = await e.run('echo kept >/opt/a/kept', {mounts: [bind('/opt/a/m', source(e))], overlay: true});
  t.is(error, undefined);
  t.deepEqual(left(join(upper, 'opt')), ['a', 'a/kept']);
});

test.serial('a tmpfs mount has its size and is gone afterwards', withExecutor, async (t, e) => {
  const {stdout, upper} = await e.run('echo x >/scratch/x; grep " /scratch " /proc/mounts', {
    mounts: [{type: 'tmpfs', target: '/scratch', size: 1_048_576}],
    overlay: true,
  });
  t.regex(stdout, /size=1024k/);
  t.false(existsSync(join(upper, 'scratch')));
});

test.serial(
  'a secret is a file with its mode and owner, or a variable, and nowhere else',
  withExecutor,
  async (t, e) => {
    const value = 'hunter2-\u00e4-secret';
    const {stdout, upper, error} = await e.run(
      'cat /run/secrets/key; stat -c " %a %u %g" /run/secrets/key /s; echo $TOKEN; touch /s 2>/dev/null || echo ro',
      {
        mounts: [
          secret(value, {}),
          secret('other', {target: '/s', mode: 0o640, uid: 7, gid: 8}),
          secret('hunter2-t', {target: undefined, env: 'TOKEN'}),
        ],
        overlay: true,
      },
    );
    t.is(error, undefined);
    t.is(stdout, `${value} 400 0 0\n 640 7 8\nhunter2-t\nro\n`);
    t.false(existsSync(join(upper, 'run')) || existsSync(join(upper, 's')));
    const found = execFileSync('sh', ['-c', `grep -rlF hunter2 '${join(e.directory, 'work')}' || true`]);
    t.is(String(found), '');
  },
);

test.serial('a cache mount keeps what steps put in, by id and attributes', withExecutor, async (t, e) => {
  await e.run('echo one >/cache/file', {mounts: [cache(e)]});
  t.is((await e.run('cat /cache/file', {mounts: [cache(e)]})).stdout, 'one\n');
  t.is((await e.run('ls /cache', {mounts: [cache(e, {id: '../../other'})]})).stdout, '');
  const owned = await e.run('stat -c "%a %u %g" /cache', {mounts: [cache(e, {mode: 0o1777, uid: 5, gid: 6})]});
  t.is(owned.stdout, '1777 5 6\n');
  const initial = {root: source(e), path: '/sub', key: 'k'};
  t.is((await e.run('cat /cache/file; rm /cache/file', {mounts: [cache(e, {initial})]})).stdout, 'content');
  t.is((await e.run('ls /cache', {mounts: [cache(e, {initial})]})).stdout, '');
  t.deepEqual(readdirSync(e.directory).sort(), ['cache', 'caches', 'root', 'source', 'work']);
});

test.serial(
  'two steps share a shared cache, wait for a locked one, and each have a private one',
  withExecutor,
  async (t, e) => {
    // Two steps never have one tree: a mount point that one removes is gone for the other too.
    mkdirSync(join(e.root, 'cache'));
    const together = async (sharing: 'shared' | 'locked' | 'private') => {
      const mounts = [cache(e, {sharing, id: sharing})];
      // Those that share wait for each other; the others would see a second one at any time.
      const waits = sharing === 'shared' ? 100 : 3;
      const look = `i=0; while [ $(ls /cache | wc -l) -lt 2 ] && [ $i -lt ${waits} ]; do sleep 0.1; i=$((i+1)); done`;
      const command = `touch /cache/$NAME; ${look}; ls /cache | wc -l; ${sharing === 'shared' ? ':' : 'rm /cache/$NAME'}`;
      const runs = ['a', 'b'].map((name) => e.run(command, {mounts, env: [`NAME=${name}`]}));
      return (await Promise.all(runs)).map(({stdout}) => stdout.trim());
    };
    t.deepEqual(await together('shared'), ['2', '2']);
    t.deepEqual(await together('locked'), ['1', '1']);
    t.deepEqual(await together('private'), ['1', '1']);
    t.deepEqual(readdirSync(join(e.directory, 'caches')).length, 3);
  },
);

test.serial('a step that waits for a locked cache can be aborted', withExecutor, async (t, e) => {
  const mounts = [cache(e, {sharing: 'locked'})];
  const holder = e.run('sleep 3', {mounts});
  const waiter = await e.run('true', {mounts, abortAfter: 200});
  t.is(waiter.error?.message, 'aborted by the test');
  t.true(waiter.settled < 1000, `${waiter.settled} ms`);
  t.is((await holder).error, undefined);
});

test.serial('an SSH agent is reached from the step, by its socket or made from keys', withExecutor, async (t, e) => {
  if (!available(t, existsSync('/usr/bin/ssh-agent'), 'openssh-client')) return;
  const key = join(e.directory, 'id');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a-test-key', '-f', key]);
  const mount: StepMount = {
    type: 'ssh',
    target: undefined,
    agent: {keys: [key]},
    mode: undefined,
    uid: 7,
    gid: undefined,
  };
  const {stdout, stderr, upper} = await e.run('echo $SSH_AUTH_SOCK; stat -c "%a %u" $SSH_AUTH_SOCK', {
    mounts: [mount],
    overlay: true,
  });
  t.is(stdout, '/run/buildkit/ssh_agent.0\n600 7\n', stderr);
  t.false(existsSync(join(upper, 'run')));
  const agent = spawn('ssh-agent', ['-D', '-a', join(e.directory, 'agent')], {stdio: 'ignore'});
  try {
    while (!existsSync(join(e.directory, 'agent'))) await new Promise((resolve) => setTimeout(resolve, 10));
    const other = await e.run('test -S /agent; stat -c %a /agent', {
      mounts: [{...mount, target: '/agent', agent: {socket: join(e.directory, 'agent')}, mode: 0o666}],
    });
    t.is(other.stdout, '666\n', other.stderr);
  } finally {
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  }
  const bad = await e.run('true', {mounts: [{...mount, agent: {keys: ['/etc/hosts']}}]});
  t.is(bad.error?.code, 'SECRET_NOT_FOUND');
});

// What follows is hostile: the host is looked at.

test.serial(
  'a mount target through a symlink to a directory of the host is made inside the root',
  withExecutor,
  async (t, e) => {
    const outside = join(e.directory, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(e.root, 'absolute'));
    symlinkSync(`../../../../../../../..${outside}`, join(e.root, 'relative'));
    const {error} = await e.run('test -f /absolute/new/top && test -f /relative/other/top', {
      mounts: [bind('/absolute/new', source(e)), bind('/relative/other', source(e))],
      overlay: true,
    });
    t.is(error?.code === undefined || error.code === 'STEP_FAILED', true);
    t.deepEqual(readdirSync(outside), []);
  },
);

test.serial('a source through a symlink is looked up in its own tree', withExecutor, async (t, e) => {
  const {error} = await e.run('cat /m/hostname', {mounts: [bind('/m', source(e), '/escape')]});
  t.regex(error?.message ?? '', /does not exist/);
});

test.serial(
  'a step that puts a symlink to the host where a mount point was removes nothing there',
  withExecutor,
  async (t, e) => {
    const outside = join(e.directory, 'outside');
    mkdirSync(join(outside, 'm'), {recursive: true});
    writeFileSync(join(outside, 'empty'), '');
    const {error} = await e.run(`mv /opt/a /opt/moved && ln -s ${outside} /opt/a`, {
      mounts: [bind('/opt/a/m', source(e)), bind('/opt/a/empty', source(e), '/top')],
    });
    t.is(error, undefined);
    t.deepEqual(readdirSync(outside).sort(), ['empty', 'm']);
  },
);

test.serial(
  '/etc/resolv.conf and /etc/hosts that lead to the host are not written there',
  withExecutor,
  async (t, e) => {
    const outside = join(e.directory, 'outside');
    mkdirSync(outside);
    symlinkSync(join(outside, 'resolv'), join(e.root, 'etc/resolv.conf'));
    symlinkSync('/proc/self/fd/1', join(e.root, 'etc/hosts'));
    await e.run('true');
    t.deepEqual(readdirSync(outside), []);
  },
);

for (const workdir of [
  '/proc/self/fd/7',
  '/proc/1/root/etc',
  '/proc//self/./fd/9',
  '/inside',
  '/proc/self/task/1/cwd',
]) {
  test.serial(`the working directory ${workdir} does not lead out`, withExecutor, async (t, e) => {
    symlinkSync('/proc/self/fd/8', join(e.root, 'inside'));
    const {error, stdout} = await e.run('pwd; ls ..', {workdir, overlay: true});
    t.is(error?.code, 'STEP_FAILED');
    t.is(stdout, '');
  });
}

test.serial('a working directory below a file is the error of the step', withExecutor, async (t, e) => {
  const {error} = await e.run('true', {workdir: '/etc/passwd/x', overlay: true});
  t.is(error?.code, 'STEP_FAILED');
  t.regex(error?.message ?? '', /the working directory "\/etc\/passwd\/x" is not a directory/);
});

test.serial('a working directory through a symlink to the host is made inside the root', withExecutor, async (t, e) => {
  const outside = join(e.directory, 'outside');
  symlinkSync(outside, join(e.root, 'w'));
  const {stdout} = await e.run('pwd', {workdir: '/w/x', overlay: true});
  t.is(stdout, `${outside}/x\n`);
  t.false(existsSync(outside));
});

test.serial('a giant, endless or looping passwd and group cost nothing and are named', withExecutor, async (t, e) => {
  const group = join(e.root, 'etc/group');
  rmSync(group);
  execFileSync('truncate', ['-s', '8G', group]);
  t.is((await e.run('true')).error, undefined);
  t.regex((await e.run('true', {user: 'alice'})).error?.message ?? '', /^\/etc\/group of the image is larger than/);
  t.is((await e.run('true', {user: '1000:1000'})).error, undefined);
  rmSync(group);
  execFileSync('mkfifo', [group]);
  t.is((await e.run('true', {user: 'alice'})).error, undefined);
  rmSync(group);
  symlinkSync('/dev/zero', group);
  t.is((await e.run('true', {user: 'alice'})).error, undefined);
  rmSync(group);
  symlinkSync('/etc/group', group);
  t.is((await e.run('true', {user: 'alice'})).error, undefined);
  // The host's own file is not read.
  const passwd = join(e.root, 'etc/passwd');
  rmSync(passwd);
  symlinkSync('../../../../../../../../etc/passwd', passwd);
  t.regex((await e.run('true', {user: 'www-data'})).error?.message ?? '', /no user "www-data"/);
});

test.serial('the step sees no descriptor of the engine, and not its memory or mounts', withExecutor, async (t, e) => {
  const {stdout, error} = await e.run(
    'ls /proc/self/fd | wc -l; ls /proc | grep -c "^[0-9]"; cat /proc/kcore | wc -c; grep -c work /proc/self/mountinfo',
  );
  t.regex(error?.message ?? '', /exit code: [01]|^$/);
  const [descriptors, processes, kcore] = stdout.split('\n').map(Number);
  t.true((descriptors ?? 9) <= 4, stdout);
  t.true((processes ?? 9) <= 4, stdout);
  t.is(kcore, 0);
});

test.serial('a mount over /proc, /dev or / itself stays in the container', withExecutor, async (t, e) => {
  for (const target of ['/proc', '/dev', '/proc/self/root', '/proc/1/cwd/x', '/dev/fd/5']) {
    await e.run('true', {mounts: [bind(target, source(e))], overlay: true});
  }
  t.true(existsSync('/proc/self/status'));
  t.true(lstatSync('/dev/null').isCharacterDevice());
  t.is((await e.run('true')).error, undefined);
});
