import {execFileSync} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {runCli} from '../helpers/cli.js';
import {missingForOrdinary, ordinaryUser} from '../helpers/ordinary-user.js';
import {available} from '../helpers/requirement.js';
import {writeTree} from '../helpers/tree.js';

const common = ['--no-compose', '--driver', 'embedded', '--progress', 'plain'];

/** Everything in a store with its owner and time, but for what its owner marks as on the disk after the build. */
const listing = (store: string): string =>
  execFileSync('find', [store, '-printf', '%U %m %s %T@ %P\\n'], {encoding: 'utf8'})
    .split('\n')
    .filter((line) => !/ snapshots\/[^/]+(?:\/synced)?$/.test(line))
    .sort()
    .join('\n');

for (const [first, second] of [
  ['root', 'an ordinary user'],
  ['an ordinary user', 'root'],
] as const) {
  test(`a store that ${first} made is refused to ${second}, untouched, and serves its owner as before`, async (t) => {
    if (!available(t, missingForOrdinary === undefined, missingForOrdinary ?? '')) return;
    const {home, prefix, env, name} = ordinaryUser(t);
    writeTree(home, {'app/Dockerfile': 'FROM scratch\nCOPY a /\n', 'app/a': 'one\n'});
    // Both may write here.
    const place = join(home, 'place');
    mkdirSync(place);
    execFileSync('chown', ['-R', name, home]);
    const root = join(place, 'store');
    const as = (who: string, ...args: readonly string[]) =>
      runCli([...args, '--root', root], {cwd: home, env, prefix: who === 'root' ? [] : prefix});
    const build = ['build', 'app', ...common, '-t', 't/own'];
    const made = await as(first, ...build);
    t.is(made.status, 0, made.stderr);
    const before = listing(root);
    for (const command of [
      build,
      ['build', 'app', ...common, '-o', 'type=tar,dest=place/out.tar'],
      ['images'],
      ['history'],
      ['du'],
      ['prune', '--all'],
      ['rmi', 't/own'],
      ['plan', 'app', '--no-compose', '--driver', 'embedded'],
    ]) {
      const run = await as(second, ...command);
      t.is(run.status, 3, `${command.join(' ')}: ${run.stderr}`);
      t.regex(run.stderr, /^build-image: .*the store belongs to another user .*\n.*--root/m, command.join(' '));
      t.notRegex(run.stderr, /internal error|at .*\.js:\d/);
    }
    t.is(listing(root), before);
    const again = await as(first, ...build);
    t.is(again.status, 0, again.stderr);
    t.regex(again.stderr, /all 1 step cached/);
  });
}
