import test from 'ava';
import {resultRows} from '../../engine/experiment/render.js';
import type {ExperimentResult, VariantResult} from '../../engine/experiment/result.js';
import {experimentPage} from '../../engine/report/experiment-page.js';
import {renderPage} from '../../engine/report/page.js';

const variant = (name: string, labels: Readonly<Record<string, string>>): VariantResult => ({
  name,
  slug: name.toLowerCase().replace(/\W+/g, '-'),
  labels,
  overrides: {arg: labels, env: {}, base: {}},
  status: 'built',
  seconds: 100,
  aloneSeconds: null,
  steps: {ran: 1, cached: 0},
  timings: [],
  image: {digest: `sha256:${name}`, size: 1000, tag: 'x'},
  artifacts: [],
  expectations: [],
  error: null,
  build: null,
  resumed: false,
});

const result = (variants: readonly VariantResult[], axes: readonly string[]): ExperimentResult => ({
  name: 'x',
  driver: 'embedded',
  baseline: variants[0]?.name ?? '',
  axes,
  started: '2026-01-01T00:00:00.000Z',
  seconds: 1,
  variants,
  skipped: ['A=2 STATUS=b'],
});

for (const [title, one, axes] of [
  ['is named by its axes', variant('A=1 STATUS=a', {A: '1', STATUS: 'a'}), ['A', 'STATUS']],
  ['has a name of its own', variant('own', {A: '1', STATUS: 'a'}), ['A', 'STATUS']],
  ['sets nothing', variant('unchanged', {}), []],
] as const) {
  test(`that a variant was not started stands under STATUS where another ${title}`, (t) => {
    const [heads = [], , last = []] = resultRows(result([one], axes));
    t.is(last[0], 'A=2 STATUS=b');
    t.is(last.indexOf('not started'), heads.lastIndexOf('STATUS'));
  });
}

test('no variant of a page leads to a place that is not there', (t) => {
  const [base, other, lost] = ['1', '2', '3'].map((value) => variant(`A=${value}`, {A: value})) as [
    VariantResult,
    VariantResult,
    VariantResult,
  ];
  const failed = {...variant('A=4', {A: '4'}), status: 'failed', image: null, error: 'why'} as const;
  const diffs = new Map([[other.slug, {image: undefined, artifacts: [], note: 'the same image as the baseline'}]]);
  const page = renderPage(experimentPage(result([base, other, lost, failed], ['A']), diffs, '2026-01-01T00:00:00Z'));
  const targets = [...page.matchAll(/href="#(v-[^"]*)"/g)].map(([, id]) => id);
  t.deepEqual(targets, ['v-a-2', 'v-a-4']);
  for (const id of targets) t.true(page.includes(`id="${id}"`), id);
});
