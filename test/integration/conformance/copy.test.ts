import {readFileSync} from 'node:fs';
import {BuildError} from '../../../engine/base/errors.js';
import {asRoot} from '../../helpers/root.js';
import {temporaryDirectory} from '../../helpers/temporary.js';
import type {Outcome} from './case.js';
import {copyCases} from './cases/copy.js';
import {buildFiles} from './file-build.js';
import {listTree} from './listing.js';

const recorded = JSON.parse(readFileSync('test/fixtures/conformance/copy.json', 'utf8')) as Record<string, Outcome>;

for (const one of copyCases) {
  asRoot(`as BuildKit: ${one.name}`, async (t) => {
    const expected = recorded[one.name];
    if (expected === undefined) {
      t.fail('not recorded: run scripts/record-conformance');
      return;
    }
    const build = buildFiles(one, temporaryDirectory(t), AbortSignal.timeout(60_000));
    if ('error' in expected) {
      const error = await t.throwsAsync(build, {instanceOf: BuildError}, `BuildKit: ${expected.error}`);
      if (one.says !== undefined) t.regex(`${error.message}\n${error.details.remedy ?? ''}`, one.says);
    } else {
      t.deepEqual(listTree(await build), expected.listing);
    }
  });
}
