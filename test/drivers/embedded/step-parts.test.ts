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

test('what a build is given beside that is not', async (t) => {
  t.is(await keyOf({tags: ['a:1'], jobs: 3, stepTimeout: 1000, pull: true}), await keyOf({}));
});
