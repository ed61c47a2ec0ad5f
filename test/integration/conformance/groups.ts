import type {ConformanceCase} from './case.js';
import {addCases} from './cases/add.js';
import {configCases} from './cases/config.js';
import {copyCases} from './cases/copy.js';
import {foundCases} from './cases/found.js';
import {edgeCases} from './cases/edges.js';
import {mountCases} from './cases/mounts.js';
import {runCases} from './cases/run.js';
import {stageCases} from './cases/stages.js';

/** Groups of cases that need no container. A group's outcomes are in test/fixtures/conformance/<group>.json. */
export const groups: Readonly<Record<string, readonly ConformanceCase[]>> = {
  copy: copyCases,
  add: addCases,
};

/** Groups that are built as images, on the base images of bases.ts. */
export const imageGroups: Readonly<Record<string, readonly ConformanceCase[]>> = {
  run: [...runCases, ...mountCases],
  config: configCases,
  stages: stageCases,
  found: foundCases,
  edges: edgeCases,
};
