import {readFileSync} from 'node:fs';
import {BuildError} from '../../../engine/base/errors.js';
import {asRoot} from '../../helpers/root.js';
import {temporaryDirectory} from '../../helpers/temporary.js';
import type {ConformanceCase, Outcome} from './case.js';
import {buildFiles} from './file-build.js';
import {groups} from './groups.js';
import {listTree} from './listing.js';

function casesOf(group: string): [ConformanceCase, Readonly<Record<string, Outcome>>][] {
  const text = readFileSync(`test/fixtures/conformance/${group}.json`, 'utf8');
  const recorded = JSON.parse(text) as Record<string, Outcome>;
  return (groups[group] ?? []).map((one) => [one, recorded]);
}

for (const [one, recorded] of ['copy', 'add'].flatMap(casesOf)) {
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
