import test from 'ava';
import {renderFailureSummary, renderSummary} from '../../engine/job/summary.js';
import type {JobResult} from '../../engine/job/run.js';

const step = (name: string, seconds: number, cached = false) => ({
  step: name,
  name,
  stage: undefined,
  line: 1,
  cached,
  seconds,
});

const result: JobResult = {
  built: {
    driver: 'embedded',
    manifestDigest: undefined,
    configDigest: `sha256:${'ab'.repeat(32)}`,
    tags: ['example.org/portal:latest', 'example.org/portal:a_b'],
    layers: [],
    steps: [step('RUN a | b', 2), step('COPY . .', 61), step('RUN <script>', 1, true)],
    close: () => Promise.resolve(),
  },
  artifacts: [
    {
      path: 'artifacts/portal_1.0_all.deb',
      stage: 'builder',
      source: '/tmp/artifacts/portal_1.0_all.deb',
      sha256: 'cd'.repeat(32),
      size: 8900,
      package: 'portal',
      version: '1.0',
      architecture: 'all',
      linkTo: null,
      written: true,
    },
  ],
  outputs: [],
  seconds: 64,
  warnings: [
    {rule: 'JSONArgsRecommended', line: 7, message: 'use <JSON> | arguments', range: undefined, url: undefined},
  ],
};

test('the summary of a build has tags, digests, sizes, cached steps, time and warnings', (t) => {
  const expected = [
    '## example.org/portal:latest: built',
    '',
    '|  |  |',
    '| --- | --- |',
    `| Image ID | <code>sha256:${'ab'.repeat(32)}</code> |`,
    '| Tags | <code>example.org/portal:latest</code><br><code>example.org/portal:a&#95;b</code> |',
    '| Steps | 2 ran, 1 cached |',
    '| Time | 1m 04s |',
    '',
    '| Artifact | Package | Size | SHA-256 |',
    '| --- | --- | --- | --- |',
    `| <code>artifacts/portal&#95;1.0&#95;all.deb</code> | portal 1.0 all | 8.9 kB | <code>${'cd'.repeat(32)}</code> |`,
    '',
    '<details><summary>Slowest steps</summary>',
    '',
    '| Step | Time |',
    '| --- | --- |',
    '| <code>COPY . .</code> | 1m 01s |',
    '| <code>RUN a &#124; b</code> | 2.0s |',
    '',
    '</details>',
    '',
    '<details><summary>1 warning</summary>',
    '',
    '| Line | Rule | Warning |',
    '| --- | --- | --- |',
    '| 7 | <code>JSONArgsRecommended</code> | use &lt;JSON&gt; \\| arguments |',
    '',
    '</details>',
    '',
    '',
  ];
  t.is(renderSummary('example.org/portal:latest', result), expected.join('\n'));
});

test('what a Dockerfile says cannot break out of its cell', (t) => {
  const lines = renderSummary('a|<b>', result).split('\n');
  const columns = (line: string): number => line.split('|').length;
  for (const line of lines.filter((each) => each.startsWith('| <code>RUN'))) t.is(columns(line), 4, line);
  t.false(lines.some((line) => line.includes('<script>') || line.includes('<JSON>') || line.includes('<b>')));
});

test('the message of a failed build stays inside its fence', (t) => {
  const markdown = renderFailureSummary('portal', 'RUN echo ```` failed\n```\n# title');
  t.true(markdown.startsWith('## portal: failed\n\n`````text\n'));
  t.true(markdown.endsWith('\n`````\n\n'));
});

test('deliveries are listed with what became of each', (t) => {
  const deliveries = [{what: 'portal_1.0_all.deb', where: 'https://example.org/a|b', outcome: 'was there'}];
  t.true(
    renderSummary('portal', result, deliveries).includes(
      '| Delivered | To |  |\n| --- | --- | --- |\n| <code>portal&#95;1.0&#95;all.deb</code> | <code>https://example.org/a&#124;b</code> | was there |\n',
    ),
  );
});
