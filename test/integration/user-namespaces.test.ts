import {execFileSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {buildBusyboxBase} from '../helpers/busybox-base.js';
import {namesIn, runCli, workshop} from '../helpers/cli.js';
import {missingForOrdinary, ordinaryUser} from '../helpers/ordinary-user.js';
import {processesWith} from '../helpers/processes.js';
import {available} from '../helpers/requirement.js';
import {writeTree} from '../helpers/tree.js';
import {inUserNamespace} from '../helpers/user-namespace.js';

/** Nothing of a build runs any more. */
async function ended(t: ExecutionContext, mark: string): Promise<void> {
  for (let waited = 0; waited < 2000 && processesWith(mark).length > 0; waited += 20) await sleep(20);
  t.deepEqual(processesWith(mark), []);
}

const common = ['--no-compose', '--driver', 'embedded', '--progress', 'plain'];

for (const [what, setup, message, remedy] of [
  [
    'that has been switched off',
    'echo 0 > /proc/sys/user/max_user_namespaces',
    /number of user namespaces is limited to 0/,
    /sysctl -w user\.max_user_namespaces/,
  ],
  [
    'without mount namespaces',
    'echo 0 > /proc/sys/user/max_mnt_namespaces',
    /number of mount namespaces is limited to 0/,
    /sysctl -w user\.max_mnt_namespaces/,
  ],
  [
    'of which newuidmap is missing',
    'mount --bind /dev/null /usr/bin/newuidmap',
    /newuidmap is not installed/,
    /apt-get install uidmap/,
  ],
  [
    'of which the user has no ids',
    'mount --bind /dev/null /etc/subuid',
    /\/etc\/subuid has no range/,
    /usermod --add-subuids/,
  ],
] as const) {
  test.serial(`a user namespace ${what} is one clear error, at once, and nothing is left`, async (t) => {
    if (!available(t, missingForOrdinary === undefined, missingForOrdinary ?? '')) return;
    const {home, uid, env} = ordinaryUser(t);
    writeTree(home, {'app/Dockerfile': 'FROM scratch\nCOPY . /\nRUN ["/true"]\n'});
    const prefix = inUserNamespace(setup, uid);
    const build = (...args: readonly string[]) => runCli(args, {cwd: '/', env, prefix});
    const output = join(home, 'out.tar');
    const run = await build('build', ...common, join(home, 'app'), '-t', 't/refused', '-o', `type=tar,dest=${output}`);
    t.is(run.status, 3, run.stderr);
    t.is(run.stderr.match(/^build-image: /gm)?.length, 1, run.stderr);
    t.regex(run.stderr, message);
    t.regex(run.stderr, remedy);
    t.notRegex(run.stderr, /internal error|at .*\.js:\d/);
    t.true(run.seconds < 10, `${run.seconds} s`);
    t.false(existsSync(output));
    await ended(t, home);
    const images = await build('images', '--json', '--root', join(home, 'data/build-image'));
    t.is(images.status, 0, images.stderr);
    t.deepEqual((JSON.parse(images.stdout) as {images: unknown}).images, [], 'no tag of what was not built');
    await ended(t, home);
  });
}

test.serial('a shell of an ordinary user whose namespaces are refused is the same error', async (t) => {
  if (!available(t, missingForOrdinary === undefined, missingForOrdinary ?? '')) return;
  const {home, uid, env} = ordinaryUser(t);
  writeTree(home, {'app/Dockerfile': 'FROM scratch\nCOPY . /\n'});
  const prefix = inUserNamespace('echo 0 > /proc/sys/user/max_user_namespaces', uid);
  const shell = ['shell', '0.1', '--no-compose', '--driver', 'embedded', '--file', join(home, 'app/Dockerfile')];
  const run = await runCli(shell, {cwd: join(home, 'app'), env, prefix});
  t.is(run.status, 3, run.stderr);
  t.regex(run.stderr, /number of user namespaces is limited to 0/);
  await ended(t, home);
});

test.serial('root of a user namespace, as in a container of an ordinary user, builds what root builds', async (t) => {
  if (!available(t, missingForOrdinary === undefined, missingForOrdinary ?? '')) return;
  const {cli, root, store} = workshop(t, undefined, {
    'app/Dockerfile':
      'FROM t/base\nRUN mkdir /d && echo 1 > /d/a && chown -R 5:6 /d\n' +
      'RUN rm -r /d /bin/wc && mkdir /d && echo 2 > /d/b\nCOPY f /d/\n',
    'app/f': 'one\n',
  });
  const built: string[] = [];
  for (const prefix of [[], inUserNamespace('true', 0)]) {
    const of = `${store}${built.length}`;
    const run = (args: readonly string[]) => cli([...args, '--root', of], {prefix});
    const base = await buildBusyboxBase(run, join(root, `base${built.length}`));
    t.is(base.status, 0, base.stderr);
    const output = join(root, `out${built.length}.tar`);
    const outputs = ['-o', `type=tar,dest=${output}`, '-o', 'type=image', '-t', 't/app', '--artifact', '0:/d/b'];
    const app = await run(['build', ...common, 'app', ...outputs]);
    t.is(app.status, 0, app.stderr);
    built.push(
      execFileSync('tar', ['-tvf', output], {encoding: 'utf8'}).replaceAll(/ \d{4}-\d\d-\d\d \d\d:\d\d /g, ' '),
    );
    const pruned = await run(['prune', '--all']);
    t.is(pruned.status, 0, pruned.stderr);
    for (const room of ['tmp', 'mounts', 'leases', 'trash']) t.deepEqual(namesIn(join(of, room)), [], room);
  }
  t.regex(built[0] ?? '', / d\/b$/m);
  t.notRegex(built[0] ?? '', /d\/a$|bin\/wc/m);
  t.is(built[1], built[0]);
});
