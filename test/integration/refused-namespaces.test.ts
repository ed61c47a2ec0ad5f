import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {runCli} from '../helpers/cli.js';
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
