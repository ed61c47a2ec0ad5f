import {execFileSync} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';
import {readdirSync} from 'node:fs';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {spawnProcess} from '../../engine/base/spawn-process.js';

const sh = (script: string, environment: Readonly<Record<string, string>> = {PATH: '/usr/bin:/bin'}) =>
  spawnProcess('/bin/sh', ['-c', script, 'zero', 'o ne'], environment);

for (const [title, script, expected] of [
  ['both outputs and the status', 'echo out; echo err >&2; exit 3', ['out\n', 'err\n', 3, null]],
  [
    'outputs that are opened by their names',
    'echo out > /dev/stdout; echo err > /dev/stderr',
    ['out\n', 'err\n', 0, null],
  ],
  [
    'its arguments and environment, and no other',
    'echo "$1" "${#HOME}"; [ "$PATH" = /usr/bin:/bin ]',
    ['o ne 0\n', '', 0, null],
  ],
  ['nothing as its input', 'cat; echo end', ['end\n', '', 0, null]],
  ['the signal that killed it', 'kill -TERM $$', ['', '', null, 'SIGTERM']],
  // Read by the shell itself, which blocks all signals while it starts another program.
  [
    'no signal ignored or blocked',
    'while read -r line; do case $line in SigBlk*|SigIgn*) echo "$line" ;; esac; done < /proc/$$/status',
    ['SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n', '', 0, null],
  ],
  ['signals as they are by default, which Node has changed', 'kill -PIPE $$; echo alive', ['', '', null, 'SIGPIPE']],
  ['a group of its own', 'set -- $(cat /proc/$$/stat); [ "$5" = $$ ] && [ "$6" = $$ ]', ['', '', 0, null]],
] as const) {
  test(`a process that is started has ${title}`, async (t) => {
    const {stdout, stderr, exited, closed} = sh(script);
    const [out, err, end] = await Promise.all([text(stdout), text(stderr), closed]);
    t.deepEqual([out, err, end.code, end.signal], [...expected]);
    t.deepEqual(await exited, end);
  });
}

test('a process that is started has the open files of any other program that this one starts', async (t) => {
  const list = 'ls /proc/$$/fd';
  const {stdout, stderr} = sh(list);
  stderr.resume();
  t.is(await text(stdout), execFileSync('/bin/sh', ['-c', list], {encoding: 'utf8'}));
});

test('what nobody has read yet is not lost when the process ends', async (t) => {
  const {stdout, stderr, exited, closed} = sh('head -c 60000 /dev/zero; echo end >&2');
  t.is(await text(stderr), 'end\n');
  t.is((await text(stdout)).length, 60_000);
  t.deepEqual(await closed, {code: 0, signal: null});
  await exited;
});

test('the end of a process is told although another holds its outputs open', async (t) => {
  const child = sh('sleep 3737 & echo $!; wait');
  const {pid, stdout, stderr, exited, closed} = child;
  stderr.resume();
  const started = await new Promise<Buffer>((resolve) => stdout.once('data', resolve));
  stdout.resume();
  t.false(child.hasExited);
  child.kill('SIGKILL');
  t.deepEqual(await exited, {code: null, signal: 'SIGKILL'});
  t.throws(() => process.kill(pid, 0), {code: 'ESRCH'}, 'it was waited for');
  const left = await Promise.race([closed, sleep(50, 'open')]);
  t.is(left, 'open');
  process.kill(Number(started.toString()), 'SIGKILL');
  t.deepEqual(await closed, {code: null, signal: 'SIGKILL'});
  t.true(child.hasExited);
  child.kill('SIGKILL');
});

test('what cannot be started is an error, and leaves no descriptor open', (t) => {
  const before = readdirSync('/proc/self/fd').length;
  for (let count = 0; count < 100; count++) t.throws(() => spawnProcess('/no/such', [], {}));
  const error = t.throws(() => spawnProcess('/no/such', [], {}), {instanceOf: BuildError});
  t.regex(error.message, /^cannot start \/no\/such: ENOENT/);
  t.true(readdirSync('/proc/self/fd').length < before + 50, 'of four each');
});
