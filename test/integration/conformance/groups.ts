import type {ConformanceCase} from './case.js';
import {addCases} from './cases/add.js';
import {copyCases} from './cases/copy.js';

/** Every group of cases; a group's outcomes are in test/fixtures/conformance/<group>.json. */
export const groups: Readonly<Record<string, readonly ConformanceCase[]>> = {
  copy: copyCases,
  add: addCases,
};
