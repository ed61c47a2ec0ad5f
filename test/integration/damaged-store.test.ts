import {cpSync, existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {type Answer, workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const tree = {'app/Dockerfile': 'FROM scratch\nCOPY file /a\nCOPY file /b\n', 'app/file': 'content'};
const build = ['build', '--driver', 'embedded', '--no-compose', '--no-artifacts', '--progress', 'plain', '--json'];

test('what builds made is still there when the machine has been started again, and an image that was never written out', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root, store} = workshop(t, undefined, tree);
  const built = await cli([...build, '-t', 'app:1', 'app']);
  t.is(built.status, 0, built.stderr);
  const snapshots = () => readdirSync(join(store, 'snapshots')).map((name) => join(store, 'snapshots', name));
  t.is(snapshots().length, 2);
  // They are written to the disk a few seconds after the build.
  const isSafe = () => snapshots().every((path) => (statSync(join(path, 'snapshot.json')).mode & 0o100) !== 0);
  for (let waited = 0; !isSafe() && waited < 180_000; waited += 100) await sleep(100);
  for (const path of snapshots()) {
    const state = join(path, 'snapshot.json');
    writeFileSync(state, readFileSync(state, 'utf8').replace(/"boot":"[0-9a-f]{8}"/, '"boot":"00000000"'));
  }
  const saved = await cli(['save', 'app:1', '-o', 'image.tar']);
  t.is(saved.status, 0, saved.stderr);
  t.true(existsSync(join(root, 'image.tar')));
  const again = await cli([...build, '--no-cache-filter', 'none', '-t', 'app:1', 'app']);
  t.is((JSON.parse(again.stdout) as Answer).steps.ran, 0, again.stderr);
});

for (const [title, args] of [
  ['an OCI archive', [...build, '-o', 'type=oci,dest=image.tar', 'app']],
  ['a docker archive', [...build, '-o', 'type=docker,dest=image.tar', 'app']],
  ['save', ['save', 'app:1', '-o', 'image.tar']],
] as const) {
  test(`a store that was copied without times is said by ${title}, and right again with the next build`, async (t) => {
    if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
    const {cli, root, store} = workshop(t, undefined, tree);
    const built = await cli([...build, '-t', 'app:1', 'app']);
    t.is(built.status, 0, built.stderr);
    const copy = join(root, 'copy');
    cpSync(store, copy, {recursive: true});
    for (const name of readdirSync(join(copy, 'snapshots'))) {
      for (const file of ['a', 'b'].map((each) => join(copy, 'snapshots', name, 'fs', each))) {
        if (existsSync(file)) utimesSync(file, 1, 1);
      }
    }
    const damaged = await cli([...args, '--root', copy]);
    t.is(damaged.status, 3, damaged.stderr);
    t.regex(damaged.stderr, /in the store are not what they were.*\n.*build again.*cp -a/);
    t.false(existsSync(join(root, 'image.tar')));
    const again = await cli([...build, '-t', 'app:1', 'app', '--root', copy]);
    t.is((JSON.parse(again.stdout) as Answer).steps.ran, 2, again.stderr);
    const right = await cli([...args, '--root', copy]);
    t.is(right.status, 0, right.stderr);
    t.true(existsSync(join(root, 'image.tar')));
  });
}
