import {copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {BuildRecord} from '../../engine/store/build-record.js';
import {type CliOptions, namesIn, workshop} from '../helpers/cli.js';
import {daemonOrSkip} from '../helpers/daemon.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const lines = (last: string): string =>
  [
    'FROM scratch AS builder',
    'COPY bin /bin',
    'ENV GREETING=hello',
    'WORKDIR /work',
    'RUN echo one > one.log',
    `RUN --mount=type=secret,id=s,required=false echo two > two.log; echo made > made.txt; ${last}`,
    'RUN echo three > three',
    '',
  ].join('\n');

function place(t: ExecutionContext) {
  const {cli, root, store} = workshop(t, undefined, {});
  mkdirSync(join(root, 'bin'));
  for (const name of ['sh', 'ls', 'cat']) copyFileSync('/bin/busybox', join(root, 'bin', name));
  const write = (last: string) => writeFileSync(join(root, 'Dockerfile'), lines(last));
  const run = (command: string, args: readonly string[] = [], options: CliOptions = {}) =>
    cli([command, '--driver', 'embedded', '--no-compose', ...args], options);
  const build = (...args: string[]) => run('build', ['--progress', 'plain', ...args]);
  const shell = (stdin: string, ...args: string[]) => run('shell', args, {stdin});
  return {cli, root, store, write, build, shell};
}

test('a failed step leaves its files, a shell opens before and after it, and the build goes on from it', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root, store, write, build, shell} = place(t);
  write('exit 3');
  const failed = await build('--artifact-on-failure');
  t.is(failed.status, 1);
  t.regex(failed.stderr, /from the failed step: artifacts\/one\.log, artifacts\/two\.log/);
  t.regex(failed.stderr, /build-image shell/);
  t.is(readFileSync(join(root, 'artifacts/two.log'), 'utf8'), 'two\n');
  t.false(existsSync(join(root, 'artifacts/made.txt')));
  await build('--artifact-on-failure=*.txt');
  t.true(existsSync(join(root, 'artifacts/made.txt')));

  const after = await shell('pwd; echo $GREETING; ls; echo new > new; exit 4\n');
  t.is(after.status, 4, after.stderr);
  t.is(after.stdout, '/work\nhello\nmade.txt\none.log\ntwo.log\n');
  const before = await shell('ls\n', '--before');
  t.deepEqual([before.status, before.stdout], [0, 'one.log\n'], before.stderr);
  const named = await shell('ls\n', 'one.log');
  t.is(named.stdout, 'one.log\n', named.stderr);
  const later = await shell('ls\n', 'builder.6');
  t.is(later.status, 1);
  t.regex(later.stderr, /the store does not have step builder\.5 \(line 6\)\n.*\nBuild first/s);
  t.is((await shell('', 'nothing like it')).status, 1);

  write('true');
  t.is((await build('--no-artifacts')).status, 0);
  const [record] = (JSON.parse((await cli(['history', '--json'])).stdout) as {builds: BuildRecord[]}).builds;
  t.deepEqual(
    record?.steps.filter(({cached}) => !cached).map(({id}) => id),
    ['builder.5', 'builder.6'],
  );
  for (const room of ['mounts', 'tmp', 'leases']) t.deepEqual(namesIn(join(store, room)), [], room);
  t.false(readFileSync('/proc/self/mountinfo', 'utf8').includes(store));
});

test('prune takes what a failed step left', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, store, write, build, shell} = place(t);
  write('exit 3');
  await build();
  t.is(namesIn(join(store, 'failed')).length, 1);
  t.is((await cli(['prune', '--all'])).status, 0);
  t.deepEqual(namesIn(join(store, 'snapshots')), []);
  const gone = await shell('ls\n');
  t.is(gone.status, 1);
  t.regex(gone.stderr, /Build first/);
});

test('with a daemon it is said that there is no shell, and no files of a failed step', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root} = workshop(t, daemon, {Dockerfile: 'FROM scratch\nRUN true\n'});
  const shell = await cli(['shell', '2', '--driver', 'docker', '--no-compose'], {cwd: root});
  t.is(shell.status, 2);
  t.regex(shell.stderr, /a daemon does not give away the file system of a step\n.*--driver embedded/);
  const failed = await cli(['build', '--driver', 'docker', '--no-compose', '--artifact-on-failure'], {cwd: root});
  t.is(failed.status, 1);
  t.regex(failed.stderr, /no files of the failed step: the daemon gives away no files/);
});
