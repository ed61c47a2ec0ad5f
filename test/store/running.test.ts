import {mkdirSync, readdirSync, renameSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {formatOwner, thisOwner} from '../../engine/store/owner.js';
import {newestRunning, openRunning} from '../../engine/store/running.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const step = {id: 'a.1', name: '[a 1/1] RUN make', stage: 'a', line: 2, inputs: []};
const header = {title: 'portal', dockerfile: 'Dockerfile', steps: [step]};

test('a build that runs is told with its steps until it ends', (t) => {
  const root = temporaryDirectory(t);
  let now = 1000;
  const log = openRunning(root, header, () => now);
  log.step('a.1', 'start');
  now = 3000;
  t.like(newestRunning(root, now), {title: 'portal', planned: 1, seconds: 2, steps: [{id: 'a.1', running: true}]});
  log.step('a.1', 'done');
  t.like(newestRunning(root, now)?.steps[0], {running: false, failed: false, seconds: 2});
  log.close();
  t.is(newestRunning(root, now), undefined);
  t.deepEqual(readdirSync(join(root, 'running')), []);
});

const owner = thisOwner();
for (const [what, other, stays] of [
  ['a process whose number another has now', {...owner, started: '1'}, false],
  ['a time before the machine started again', {...owner, boot: '00000000'}, false],
  ['a container, which cannot be looked up', {...owner, pid: 1, namespace: '1'}, true],
] as const) {
  test(`the build of ${what} ${stays ? 'counts as running' : 'is over'}`, (t) => {
    const root = temporaryDirectory(t);
    const directory = join(root, 'running');
    mkdirSync(directory);
    openRunning(root, header, () => 0);
    const [name = ''] = readdirSync(directory);
    t.true(name.startsWith(`${formatOwner(owner)}-`));
    renameSync(join(directory, name), join(directory, name.replace(formatOwner(owner), formatOwner(other))));
    t.is(newestRunning(root, 0)?.title, stays ? 'portal' : undefined);
    t.is(readdirSync(directory).length, stays ? 1 : 0);
  });
}
