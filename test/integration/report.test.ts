import {spawn} from 'node:child_process';
import {existsSync, mkdirSync, statSync, writeFileSync} from 'node:fs';
import {get} from 'node:http';
import {join, resolve} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {Browser} from 'playwright-core';
import type {ImageContent} from '../../engine/compare/image.js';
import type {ExperimentResult, VariantResult} from '../../engine/experiment/result.js';
import {buildPage} from '../../engine/report/build-page.js';
import {experimentPage} from '../../engine/report/experiment-page.js';
import {renderPage} from '../../engine/report/page.js';
import type {BuildRecord, RecordedStep} from '../../engine/store/build-record.js';
import {openRunning} from '../../engine/store/running.js';
import {available} from '../helpers/requirement.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const hostile = `<img src=x onerror="document.title='owned'">"'><script>document.title='owned'</script>\u202e&`;
const made = '2026-01-02T03:04:05.678Z';

function steps(number: number): readonly RecordedStep[] {
  return Array.from({length: number}, (_, index) => ({
    id: `s${index % 8}.${index}`,
    key: String(index),
    name: `[s${index % 8} ${index + 1}/${number}] RUN make part-${index} ${index === 3 ? hostile : ''}`,
    stage: index === 5 ? hostile : `s${index % 8}`,
    line: index + 1,
    instruction: 'RUN',
    text: `RUN make part-${index}`,
    written: `RUN make part-${index}`,
    parent: index < 8 ? null : `s${index % 8}.${index - 8}`,
    cached: index % 3 === 0,
    failed: index === 40,
    start: index * 0.7,
    seconds: index % 3 === 0 ? 0 : 2 + (index % 5),
    inputs: index < 8 ? [] : [`s${index % 8}.${index - 8}`],
    causes:
      index % 3 === 0
        ? []
        : [{kind: 'files', name: 'src', before: null, after: null, text: `2 of 987 files changed: ${hostile}`}],
    cacheKey: null,
  }));
}

const record: BuildRecord = {
  id: '20260102T030405678Z-0123456789-01234567',
  time: made,
  dockerfile: hostile,
  contextName: hostile,
  place: '/x',
  target: hostile,
  platform: 'linux/amd64',
  driver: 'embedded',
  seconds: 150,
  outcome: 'failed',
  error: {code: 'STEP_FAILED', message: hostile, step: null},
  args: [{name: 'A', value: hostile, origin: 'build-arg', stage: null}],
  env: [],
  fresh: {all: false, stages: []},
  image: null,
  tags: [hostile],
  artifacts: [{path: hostile, sha256: 'ab'.repeat(32), bytes: 5, package: hostile, version: '1', architecture: 'all'}],
  layers: [],
  facts: null,
  steps: steps(200),
};

const digest = `sha256:${'ab'.repeat(32)}` as const;

/** An image of 4000 files of 200 packages in four layers. */
function content(): ImageContent {
  const layers = [0, 1, 2, 3].map((index) => ({
    diffId: digest as never,
    createdBy: `RUN /bin/sh -c ${index === 1 ? hostile : 'make'}`,
    bytes: 1e6,
    files: 1000,
  }));
  const common = {
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    link: '',
    device: '',
    sha256: '',
    xattrs: '',
    kept: undefined,
  } as const;
  const files = Array.from({length: 4000}, (_, index) => ({
    ...common,
    path: `usr/lib/p${index}/${index === 7 ? hostile : 'x'}`,
    size: 1000 + index * 37,
    layer: index % 4,
  }));
  const packages = Array.from({length: 200}, (_, index) => ({
    name: index === 9 ? hostile : `package-${index}`,
    architecture: 'amd64',
    version: `1.${index}`,
    installedSize: 1,
    section: 'libs',
  }));
  return {
    source: {
      name: 'x',
      place: 'x',
      digest: undefined,
      configDigest: undefined,
      config: {architecture: 'amd64', os: 'linux', rootfs: {type: 'layers', diff_ids: []}},
      layers: [],
    },
    layers,
    files: new Map(files.map((file) => [file.path, file])),
    packages: new Map(packages.map((one) => [`${one.name}:amd64`, one])),
    ownerOf: (path) => (path.length % 2 === 0 ? undefined : `package-${path.length % 200}:amd64`),
    has: () => false,
    bytes: 4e6,
  };
}

function experiment(number: number): ExperimentResult {
  const variants = Array.from({length: number}, (_, index): VariantResult => ({
    name: `VERSION=${index} NAME=${index === 2 ? hostile : 'x'}`,
    slug: `v-${index}`,
    labels: {VERSION: String(index), NAME: index === 2 ? hostile : 'x'},
    overrides: {arg: {VERSION: String(index)}, env: {}, base: {}},
    status: index === 50 ? 'failed' : 'built',
    seconds: 10 + index,
    aloneSeconds: 100 - index / 2,
    steps: {ran: 2, cached: 10},
    timings: [],
    image: index === 50 ? null : {digest, size: 3e8 + index * 12_345, tag: `experiment/x:v-${index}`},
    artifacts: [],
    expectations: [{name: 'max-size 300m', holds: index % 2 === 0, actual: '1 MB'}],
    error: index === 50 ? hostile : null,
    build: null,
    resumed: false,
  }));
  return {
    name: hostile,
    driver: 'docker',
    baseline: variants[0]?.name ?? '',
    axes: ['VERSION', 'NAME'],
    started: made,
    seconds: 300,
    variants,
    skipped: [hostile],
  };
}

async function browserOrSkip(t: ExecutionContext): Promise<Browser | undefined> {
  const executablePath = '/usr/bin/chromium';
  if (!available(t, existsSync(executablePath), `${executablePath} is missing: install chromium`)) return undefined;
  const {chromium} = await import('playwright-core');
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  const browser = await chromium.launch({executablePath, args, headless: true});
  t.teardown(() => browser.close());
  return browser;
}

interface Facts {
  readonly title: string;
  readonly captions: boolean;
  readonly landmarks: boolean;
  readonly scrollWidth: number;
  readonly loaded: number;
}

/** Run in the page. */
const looksAt = `({
  title: document.title,
  captions: [...document.querySelectorAll('table')].every((table) => table.caption !== null),
  landmarks: ['header', 'main', 'footer', 'h1'].every((tag) => document.querySelectorAll(tag).length === 1),
  scrollWidth: document.documentElement.scrollWidth,
  loaded: performance.getEntriesByType('navigation')[0].loadEventEnd,
})`;

/** Opens a page at three widths: no error, nothing wider than the window, under a second. */
async function opens(t: ExecutionContext, browser: Browser, url: string, name: string): Promise<void> {
  for (const [width, colorScheme] of [
    [1280, 'light'],
    [768, 'dark'],
    [375, 'light'],
  ] as const) {
    const page = await browser.newPage({viewport: {width, height: 900}, colorScheme});
    const problems: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) problems.push(message.text());
    });
    page.on('pageerror', (error) => void problems.push(error.message));
    page.on('request', (request) => {
      if (!/^(?:file|data):/.test(request.url())) problems.push(request.url());
    });
    await page.goto(url);
    t.deepEqual(problems, [], `${name} at ${width}`);
    const facts = await page.evaluate<Facts>(looksAt);
    t.not(facts.title, 'owned');
    t.true(facts.captions && facts.landmarks);
    t.true(facts.scrollWidth <= width, `${name} is ${facts.scrollWidth} wide at ${width}`);
    // A second on a machine that does nothing else; tests run side by side.
    t.true(facts.loaded < 3000, `${facts.loaded} ms`);
    const shots = process.env['BUILD_IMAGE_TEST_SCREENSHOTS'];
    if (shots !== undefined) await page.screenshot({path: join(shots, `${name}-${width}.png`), fullPage: true});
    await page.close();
  }
}

test('the pages of 200 steps and of 100 variants open in a browser at three widths without an error', async (t) => {
  const browser = await browserOrSkip(t);
  if (browser === undefined) return;
  const directory = temporaryDirectory(t);
  const pages = {
    build: renderPage(buildPage(record, content(), made)),
    lost: renderPage(
      buildPage({...record, steps: [], layers: [{step: null, diffId: null, bytes: 5}]}, undefined, made),
    ),
    experiment: renderPage(experimentPage(experiment(100), new Map(), made)),
  };
  for (const [name, text] of Object.entries(pages)) {
    const path = join(directory, `${name}.html`);
    writeFileSync(path, text);
    t.true(statSync(path).size < 2_000_000, `${name}: ${text.length} bytes`);
    t.false(/<(?:img|script)\b[^>]*(?:onerror|src)=/.test(text), 'nothing of a step or a name is markup');
    await opens(t, browser, `file://${path}`, name);
  }
  const page = await browser.newPage();
  await page.goto(`file://${join(directory, 'experiment.html')}`);
  const sizes = () =>
    page.evaluate<readonly number[]>(`[...document.querySelectorAll('#variants tbody td:nth-last-child(2)')]
      .map((cell) => Number(cell.dataset.value)).filter((size) => size > 0)`);
  t.deepEqual((await sizes()).slice(0, 2), [300_000_000, 300_012_345]);
  const button = page.getByRole('button', {name: 'Size'});
  await button.focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  t.is((await sizes())[0], 301_222_155);
  t.is(await page.getAttribute('#variants th[aria-sort]', 'aria-sort'), 'descending');
});

test('--serve follows a build that runs, on loopback only', async (t) => {
  const browser = await browserOrSkip(t);
  if (browser === undefined) return;
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'home'));
  const server = spawn(process.execPath, [resolve('dist/engine/cli/main.js'), 'report', '--serve', '--root', root], {
    env: {PATH: process.env['PATH'], HOME: join(root, 'home'), DOCKER_HOST: `unix://${root}/no.sock`},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => server.kill('SIGKILL'));
  const step = {id: 'a.1', name: '[a 1/2] RUN make', stage: 'a', line: 2, inputs: []};
  const log = openRunning(
    root,
    {title: 'portal', dockerfile: 'Dockerfile', steps: [step, {...step, id: 'a.2', name: '[a 2/2] RUN test'}]},
    Date.now,
  );
  const url = await new Promise<string>((done) =>
    server.stdout.on('data', (piece: Buffer) => done(piece.toString().trim())),
  );
  t.regex(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => void problems.push(error.message));
  await page.goto(url);
  log.step('a.1', 'start');
  await page.getByText('RUN make').first().waitFor();
  log.step('a.1', 'done');
  log.step('a.2', 'start');
  await page.getByText('1 of 2').waitFor();
  t.deepEqual(problems, []);
  // A name elsewhere that was made to mean this machine gets nothing.
  const status = await new Promise<number | undefined>((done, fail) => {
    get(url, {headers: {host: 'example.org'}}, (response) => {
      response.resume();
      done(response.statusCode);
    }).on('error', fail);
  });
  t.is(status, 403);
  t.is(await page.title(), 'portal: running');
  log.close();
  const next = openRunning(root, {title: 'next', dockerfile: 'Dockerfile', steps: [step]}, Date.now);
  await page.getByRole('heading', {name: 'next running'}).waitFor();
  t.is(await page.title(), 'next: running');
  next.close();
  const ended = new Promise<number | null>((done) => server.on('close', done));
  server.kill('SIGINT');
  t.is(await ended, 0);
});
