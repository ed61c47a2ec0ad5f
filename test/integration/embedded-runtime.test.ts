import {existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {defaultCapabilities} from '../../engine/drivers/embedded/runtime/capabilities.js';
import {compiledFilter} from '../../engine/drivers/embedded/runtime/seccomp/compile.js';
import {processesWith} from '../helpers/processes.js';
import {available} from '../helpers/requirement.js';
import {type RunOptions, type TestExecutor, withExecutor} from '../helpers/step-executor.js';

/** With an executor as root; skipped where the machine lacks something. */
const inContainer = test.macro(
  async (t: ExecutionContext, body: (t: ExecutionContext, e: TestExecutor) => Promise<void>, runc = false) => {
    if (runc && !available(t, existsSync('/usr/sbin/runc'), 'runc')) return;
    await withExecutor(t, body, runc ? {program: {kind: 'runc', path: '/usr/sbin/runc'}} : {});
  },
);

async function printed(t: ExecutionContext, e: TestExecutor, command: string, options?: RunOptions): Promise<string> {
  const {stdout, stderr, error} = await e.run(command, options);
  t.is(error, undefined, `${error?.message ?? ''} ${stderr}`);
  return stdout;
}

async function basics(t: ExecutionContext, e: TestExecutor): Promise<void> {
  const {stdout, stderr} = await e.run('echo out; echo err >&2');
  t.deepEqual([stdout, stderr], ['out\n', 'err\n']);
  const named = await e.run('echo out > /dev/stdout; echo err > /dev/stderr');
  t.deepEqual([named.stdout, named.stderr], ['out\n', 'err\n']);
  t.is(await printed(t, e, 'hostname; pwd; cat', {workdir: '/made/here'}), 'buildkitsandbox\n/made/here\n');
  const status = await printed(t, e, 'cat /proc/self/status');
  t.regex(status, /^CapBnd:\s+00000000a80425fb$/m);
  t.regex(status, /^CapPrm:\s+00000000a80425fb$/m);
  t.regex(status, /^NoNewPrivs:\s+0$/m);
  t.regex(status, /^Seccomp:\s+2$/m);
  t.is(await printed(t, e, 'echo $$'), '1\n', 'the pid namespace is its own');
  const user = await e.run(['/bin/id'], {user: 'alice'});
  t.regex(user.stdout, /^uid=1000\(alice\) gid=1000\(alice\) groups=1\(daemon\),50\(staff\),1000\(alice\)/);
  t.regex((await e.run('exit 3')).error?.message ?? '', /exit code: 3$/);
  t.regex((await e.run(['nosuch'])).error?.message ?? '', /^cannot run "nosuch": the image has no such program/);
  const denied = await e.run('unshare -U true; unshare -m true; mount -t tmpfs x /tmp; chroot / true && echo chroot');
  t.is(denied.stdout, 'chroot\n');
  t.is(denied.stderr.match(/Operation not permitted|permission denied/g)?.length, 3, denied.stderr);
  t.regex(
    await printed(t, e, 'cat /etc/hosts; ip addr', {operation: {network: 'none'}}),
    /ip6-loopback\n1: lo: <LOOPBACK,UP/,
  );
  t.false((await printed(t, e, 'ip addr', {operation: {network: 'none'}})).includes('\n2: '));
}

test.serial(
  'a step in crun has the capabilities, filter, namespaces, user and files of a container',
  inContainer,
  basics,
);
test.serial('a step in runc has them too', inContainer, basics, true);

test.serial('the environment is in order, with PATH and HOME where they are missing', inContainer, async (t, e) => {
  const {stdout} = await e.run(['/bin/env'], {env: ['B=1', 'A=2 3', 'HOME='], user: 'alice'});
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  t.deepEqual(stdout.trim().split('\n').sort(), ['A=2 3', 'B=1', 'HOME=/home/alice', path]);
  const given = await e.run(['/bin/env'], {env: ['PATH=/bin', 'HOME=/x']});
  t.deepEqual(given.stdout.trim().split('\n').sort(), ['HOME=/x', 'PATH=/bin']);
});

test.serial('limits and the size of /dev/shm reach the step', inContainer, async (t, e) => {
  const command = 'grep -E "open files|core" /proc/self/limits; grep /dev/shm /proc/mounts; ulimit -n';
  const out = await printed(t, e, command, {options: {ulimits: ['nofile=77:99', 'core=-1'], shmSize: 1_048_576}});
  t.regex(out, /Max core file size\s+unlimited\s+unlimited/);
  t.regex(out, /Max open files\s+77\s+99/);
  t.regex(out, /tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k/);
  t.regex(await printed(t, e, 'ulimit -n'), /^1024\n$/);
});

test.serial(
  'an aborted step is gone within a second, and so is one that catches every signal',
  inContainer,
  async (t, e) => {
    for (const command of ['sleep 4242', 'trap "" INT TERM HUP; (sleep 4242 &); sleep 4242; sleep 4242']) {
      const {error, settled} = await e.run(command, {abortAfter: 300});
      t.is(error?.message, 'aborted by the test');
      t.true(settled < 1000, `${settled} ms`);
    }
    t.is((await e.run('true', {abortAfter: 0})).error?.message, 'aborted by the test');
    t.is((await e.run('sleep 4242', {options: {timeout: 150}})).error?.code, 'TIMEOUT');
    t.deepEqual(processesWith('4242'), []);
  },
);

test.serial('a background process does not keep the step or its tree busy', inContainer, async (t, e) => {
  const start = Date.now();
  const {error} = await e.run('sleep 600 & echo done', {overlay: true});
  t.is(error, undefined);
  t.true(Date.now() - start < 5000);
});

test.serial('steps run side by side, each in a bundle of its own', inContainer, async (t, e) => {
  const texts = ['a', 'b', 'c', 'd', 'e', 'f'];
  const answers = await Promise.all(texts.map((text) => e.run(`sleep 0.2; echo ${text}; hostname`, {overlay: true})));
  t.deepEqual(
    answers.map(({stdout}) => stdout),
    texts.map((text) => `${text}\nbuildkitsandbox\n`),
  );
});

test.serial('more output than the limit is clipped and said; characters are not torn', inContainer, async (t, e) => {
  const clipped = await e.run('head -c 100000 /dev/zero | od -v; echo end', {options: {logLimit: 5000}});
  t.is(clipped.error, undefined);
  t.true(clipped.stdout.length < 5100);
  t.regex(clipped.stdout, /output clipped: the step printed more than 5000 characters/);
  const torn = await e.run(`i=0; while [ $i -lt 3000 ]; do printf 'ö€😀'; i=$((i+1)); done`);
  t.is(torn.stdout, 'ö€😀'.repeat(3000));
});

test.serial('a script of a here-document runs from /dev/pipes and leaves nothing', inContainer, async (t, e) => {
  const script = {name: 'EOF', content: '#!/bin/sh\necho "$0 $(stat -c %a $0)"\ntouch /dev/pipes/x || echo ro\n'};
  const {stdout, upper, error} = await e.run(['/dev/pipes/EOF'], {operation: {script}, overlay: true});
  t.is(error, undefined);
  t.is(stdout, '/dev/pipes/EOF 755\nro\n');
  t.false(existsSync(`${upper}/dev/pipes`));
});

test.serial('insecure steps need leave, and then have every capability and no filter', inContainer, async (t, e) => {
  const operation = {security: 'insecure'} as const;
  t.is((await e.run('true', {operation})).error?.code, 'UNSUPPORTED');
  const out = await printed(
    t,
    e,
    'grep -E "CapEff|^Seccomp:" /proc/self/status; mount -t tmpfs x /tmp && echo mounted',
    {
      operation,
      options: {allowInsecure: true},
    },
  );
  t.regex(out, /Seccomp:\s+0\nmounted\n$/);
  t.notRegex(out, /CapEff:\s+00000000a80425fb/);
});

test.serial('a device that is required fails the step, another is done without', inContainer, async (t, e) => {
  const step = (required: boolean) => e.run('true', {operation: {devices: [{name: 'vendor.example/card', required}]}});
  t.is((await step(true)).error?.code, 'UNSUPPORTED');
  t.is((await step(false)).error, undefined);
});

test.serial('a compiled filter is kept, and made again where the file is damaged', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'filter-'));
  t.teardown(() => rmSync(directory, {recursive: true, force: true}));
  const first = compiledFilter('x64', defaultCapabilities, directory);
  if (!available(t, first !== undefined, 'libseccomp2') || first === undefined) return;
  t.true(first.length > 1000 && first.length % 8 === 0);
  const [name = ''] = readdirSync(directory);
  t.deepEqual(compiledFilter('x64', defaultCapabilities, directory), first);
  for (const damaged of ['', 'half of it']) {
    writeFileSync(join(directory, name), damaged);
    t.deepEqual(compiledFilter('x64', defaultCapabilities, directory), first);
  }
  t.notDeepEqual(compiledFilter('x64', [...defaultCapabilities, 'CAP_SYS_ADMIN'], directory), first);
  t.is(readdirSync(directory).length, 2);
});
