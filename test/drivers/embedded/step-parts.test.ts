import test from 'ava';
import {partsOf} from '../../../engine/drivers/embedded/solve/step-parts.js';
import {cacheKey} from '../../../engine/plan/cache-key.js';
import type {BuildRequest} from '../../../engine/drivers/driver.js';
import {contextOf, requestOf} from '../../helpers/build.js';
import {graphOf, lastStep} from '../../helpers/graph.js';

const graph = graphOf('FROM x\nRUN ulimit -n');

async function keyOf(more: Partial<BuildRequest>): Promise<string> {
  const request = requestOf(contextOf('/'), more);
  return cacheKey(await partsOf(lastStep(graph), graph, request, () => Promise.resolve([])));
}

const counts = test.macro({
  async exec(t, more: Partial<BuildRequest>) {
    t.not(await keyOf(more), await keyOf({}));
  },
  title: (_, more: Partial<BuildRequest>) => `${JSON.stringify(more)} is part of what a RUN is`,
});
test(counts, {ulimits: ['nofile=77']});
test(counts, {shmSize: 1_048_576});
test(counts, {network: 'none'});
test(counts, {extraHosts: ['db:10.0.0.5']});

for (const [name, mount, counts] of [
  ['a bind mount', 'type=bind,from=s,target=/m', true],
  ['a cache that begins with a stage', 'type=cache,from=s,target=/m', true],
  ['a cache that begins with a directory of a stage', 'type=cache,from=s,source=/d,target=/m,uid=7', true],
  ['a cache that is empty because it has an owner', 'type=cache,from=s,target=/m,uid=7', false],
  ['a cache of its own', 'type=cache,target=/m', false],
] as const) {
  test(`what is mounted ${counts ? 'is' : 'is not'} part of what a RUN is: ${name}`, async (t) => {
    const own = graphOf(`FROM x AS s\nFROM x\nRUN --mount=${mount} true`);
    const of = async (content: string): Promise<string> => {
      const part = {kind: 'input', name: 'mount', value: content} as const;
      return cacheKey(await partsOf(lastStep(own), own, requestOf(contextOf('/'), {}), () => Promise.resolve([part])));
    };
    t.is((await of('one')) !== (await of('two')), counts);
  });
}

test('what a build is given beside that is not', async (t) => {
  t.is(await keyOf({tags: ['a:1'], jobs: 3, stepTimeout: 1000, pull: true}), await keyOf({}));
});
