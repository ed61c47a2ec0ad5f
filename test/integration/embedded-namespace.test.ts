import {execFile, spawn, type ChildProcess} from 'node:child_process';
import {chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {constants, userInfo, tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {createInterface} from 'node:readline';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import {enterNamespace} from '../../engine/drivers/embedded/enter-namespace.js';
import {processesWith} from '../helpers/processes.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot, type RunOptions, workerScript} from '../helpers/step-executor.js';
import type {WorkerAnswer} from '../helpers/step-worker.js';

const front = join(dirname(fileURLToPath(import.meta.url)), '../helpers/namespace-front.js');
let next = 0;
const mark = () => `mark-${process.pid}-${next++}`;

/** A program and the words before it that make it run as an ordinary user with subordinate ids. */
const ordinary = ((): readonly string[] | undefined => {
  if (process.getuid?.() !== 0) return [];
  const users = existsSync('/etc/subuid') ? readFileSync('/etc/subuid', 'utf8').split('\n') : [];
  const user = users.map((line) => line.split(':')[0] ?? '').find((name) => name === 'build-image-test');
  if (user === undefined || !existsSync('/usr/bin/newuidmap')) return undefined;
  return ['setpriv', '--reuid', user, '--regid', user, '--init-groups'];
})();
const needsOrdinary = 'uidmap and an ordinary user with subordinate ids: useradd build-image-test';

/** All that has the mark has ended within a second. */
async function gone(t: ExecutionContext, text: string): Promise<void> {
  for (const start = Date.now(); processesWith(text).length > 0 && Date.now() - start < 2000;) await sleep(20);
  t.deepEqual(processesWith(text), []);
}

async function idle(words: readonly string[], text: string): Promise<ChildProcess> {
  const child = spawn('env', [...words, process.execPath, front, 'idle', text], {stdio: ['ignore', 'pipe', 'inherit']});
  const lines = createInterface({input: child.stdout});
  for await (const line of lines) if (/^\d+$/.test(line)) break;
  return child;
}

for (const [who, words, reason] of [
  ['root', missingForRoot === undefined ? [] : undefined, missingForRoot ?? ''],
  ['an ordinary user', ordinary, needsOrdinary],
] as const) {
  test.serial(`SIGKILL of any process of an executor of ${who} ends them all`, async (t) => {
    if (!available(t, words !== undefined, reason) || words === undefined) return;
    for (const victim of ['front', 'unshare', 'executor'] as const) {
      const text = mark();
      const child = await idle(words, text);
      const marked = processesWith(text);
      const named = (name: string) => marked.filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name);
      const nodes = named('node').filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(workerScript));
      t.true(marked.length >= 3, `${marked.length} processes`);
      const found = {front: child.pid, unshare: named('unshare')[0], executor: nodes[0]}[victim];
      if (found === undefined) return void t.fail(`no ${victim}`);
      process.kill(found, 'SIGKILL');
      if (victim === 'front') await gone(t, text);
      else {
        const rest = () => processesWith(text).filter((pid) => pid !== child.pid);
        for (const start = Date.now(); rest().length > 0 && Date.now() - start < 2000;) await sleep(20);
        t.deepEqual(rest(), [], victim);
        child.kill('SIGKILL');
        await gone(t, text);
      }
    }
  });
}

/** The process of the executor itself, in the host's numbers. */
const executorOf = (text: string) =>
  processesWith(text).find(
    (pid) =>
      readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'node' &&
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(workerScript),
  );

for (const [who, words, reason] of [
  ['root', missingForRoot === undefined ? [] : undefined, missingForRoot ?? ''],
  ['an ordinary user', ordinary, needsOrdinary],
] as const) {
  test.serial(`an executor of ${who} that hangs ends too when its parent is killed`, async (t) => {
    if (!available(t, words !== undefined, reason) || words === undefined) return;
    const text = mark();
    const child = await idle(words, text);
    const executor = executorOf(text);
    if (executor === undefined) return void t.fail('no executor');
    // It cannot see that its channel is closed.
    process.kill(executor, 'SIGSTOP');
    child.kill('SIGKILL');
    await gone(t, text);
  });
}

async function asOrdinary(steps: readonly [command: string, options?: RunOptions][]): Promise<unknown> {
  const args = [...(ordinary ?? []), process.execPath, front, 'run', JSON.stringify(steps)];
  const {stdout} = await promisify(execFile)('env', args, {cwd: '/', maxBuffer: 1 << 24});
  return JSON.parse(stdout);
}

test.serial('an ordinary user runs steps as root of a user namespace, with other users and an overlay', async (t) => {
  if (!available(t, ordinary !== undefined, needsOrdinary)) return;
  const answers = (await asOrdinary([
    ['id; chown 1000:1000 /tmp; stat -c "%u %g" /tmp; echo x >/new; grep Seccomp: /proc/self/status', {overlay: true}],
    ['id', {user: 'alice'}],
    ['ip addr', {operation: {network: 'none'}}],
    ['unshare -U true; mount -t tmpfs x /tmp; mknod /x c 1 3; echo >/sys/kernel/mm/ksm/run', {overlay: true}],
    [
      'cat /run/secrets/key; touch /run/secrets/key',
      {
        mounts: [
          {
            type: 'secret',
            target: '/run/secrets/key',
            env: undefined,
            value: Buffer.from('sesame'),
            mode: 0o440,
            uid: 5,
            gid: 6,
          },
        ],
      },
    ],
    ['sleep 4243', {abortAfter: 300}],
  ])) as readonly WorkerAnswer[];
  t.is(answers[0]?.error, undefined);
  t.is(answers[0]?.stdout, 'uid=0(root) gid=0(root) groups=0(root)\n1000 1000\nSeccomp:\t2\n');
  t.regex(answers[1]?.stdout ?? '', /^uid=1000\(alice\)/);
  t.regex(answers[2]?.stdout ?? '', /^1: lo: <LOOPBACK,UP/);
  t.is(answers[3]?.error?.code, 'STEP_FAILED');
  t.is(answers[3]?.stderr.match(/not permitted|denied|Read-only/g)?.length, 4, answers[3]?.stderr);
  t.is(answers[4]?.stdout, 'sesame');
  t.regex(answers[4]?.stderr ?? '', /Read-only file system/);
  t.is(answers[5]?.error?.message, 'aborted by the test');
  t.deepEqual(processesWith('4243'), []);
});

test.serial('an ordinary user without subordinate ids is told what to do', async (t) => {
  if (!available(t, process.getuid?.() === 0 && userInfo().uid === 0, 'root, to become another user')) return;
  const args = ['--reuid', '65500', '--regid', '65500', '--clear-groups', process.execPath, front, 'run', '[]'];
  const home = mkdtempSync(join(tmpdir(), 'nobody-'));
  chmodSync(home, 0o777);
  t.teardown(() => rmSync(home, {recursive: true, force: true}));
  const {stdout} = await promisify(execFile)('setpriv', args, {cwd: home});
  const {code, remedy} = JSON.parse(stdout) as {code: string; remedy: string};
  t.true(['KERNEL_REFUSED', 'TOOL_MISSING'].includes(code), stdout);
  t.regex(remedy, /usermod --add-subuids|uidmap/);
});

test.serial('an abort while the namespaces are made leaves nothing', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const text = mark();
  for (const delay of [0, 3, 10, 30]) {
    const controller = new AbortController();
    const started = enterNamespace(workerScript, {root: true, signal: controller.signal, args: [text]});
    setTimeout(() => controller.abort(new Error('stopped')), delay);
    await t.throwsAsync(
      started.then(async (entered) => {
        await entered.kill();
        throw new Error('stopped');
      }),
      {message: 'stopped'},
    );
    await gone(t, text);
  }
});

test.serial('a process that aborts, as for want of memory, ends with the number of its signal', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const directory = mkdtempSync(join(tmpdir(), 'aborts-'));
  t.teardown(() => rmSync(directory, {recursive: true, force: true}));
  const script = join(directory, 'abort.mjs');
  const entered = new URL('../../engine/drivers/embedded/enter-namespace.js', import.meta.url).href;
  const lines = [`import {namespaceReady} from '${entered}';`, 'namespaceReady();', 'setTimeout(process.abort, 50);'];
  writeFileSync(script, lines.join('\n'));
  const started = await enterNamespace(script, {root: true, signal: new AbortController().signal});
  const {SIGABRT, SIGILL, SIGTRAP, SIGSEGV} = constants.signals;
  const status = await started.ended;
  // The first process of a namespace ends by what the C library does when its own signal is ignored.
  t.true([SIGABRT, SIGILL, SIGTRAP, SIGSEGV].includes(status - 128), String(status));
});
