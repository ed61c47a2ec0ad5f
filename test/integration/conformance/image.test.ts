import {mkdirSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {createLimiter} from '../../../engine/base/concurrency.js';
import {asRoot} from '../../helpers/root.js';
import {temporaryDirectory} from '../../helpers/temporary.js';
import {importBases} from './bases.js';
import type {Outcome} from './case.js';
import {imageGroups} from './groups.js';
import {buildImage} from './image-build.js';

// One store for all cases: what one of them left in the cache must not change another one.
const base = mkdtempSync(join(tmpdir(), 'build-image-test-'));
const store = join(base, 'store');
const limiter = createLimiter(3);

test.before(async () => {
  if (process.getuid?.() !== 0) return;
  mkdirSync(join(base, 'bases'));
  await importBases(store, join(base, 'bases'));
});
test.after.always(() => rmSync(base, {recursive: true, force: true}));

for (const [group, cases] of Object.entries(imageGroups)) {
  const recorded = JSON.parse(readFileSync(`test/fixtures/conformance/${group}.json`, 'utf8')) as Record<
    string,
    Outcome
  >;
  for (const one of cases) {
    asRoot(`as BuildKit: ${one.name}`, async (t) => {
      t.timeout(600_000);
      const expected = recorded[one.name];
      if (expected === undefined) {
        t.fail('not recorded: run scripts/record-conformance');
        return;
      }
      const built = await limiter.run(() => buildImage(one, store, temporaryDirectory(t)));
      if ('error' in expected) {
        t.true('error' in built, `BuildKit: ${expected.error}`);
        if ('error' in built) {
          t.notRegex(built.error, /internal error|unreachable/);
          if (one.says !== undefined) t.regex(built.error, one.says);
        }
      } else {
        t.deepEqual(built, expected);
      }
    });
  }
}
