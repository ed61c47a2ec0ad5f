import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import type {ImageConfig} from '../../../../engine/oci/config.js';
import {digestOf} from '../../../../engine/oci/digest.js';
import {renderImageConfig} from '../../../../engine/oci/render-config.js';
import {type BuiltStage, imageConfigOf} from '../../../../engine/drivers/embedded/outputs/image-config.js';
import type {Stage, StageGraph} from '../../../../engine/stages/graph.js';
import {buildArgs, graphOf, targetStage} from '../../../helpers/graph.js';

/** What Docker 28 wrote for the Dockerfile beside it: `docker build`, then the configuration out of `docker save`. */
interface Recorded {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly layers: number;
  readonly author: string;
  readonly config: object;
  readonly history: readonly {created_by?: string; comment?: string; empty_layer?: boolean}[];
}

const folder = 'test/fixtures/image-config';
const debian: ImageConfig = {
  architecture: 'amd64',
  os: 'linux',
  config: {Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']},
  rootfs: {type: 'layers', diff_ids: [digestOf('base')]},
  history: [{created: '2020-01-01T00:00:00Z', comment: 'Imported from -'}],
};

function built(stage: Stage, minute = 0): BuiltStage {
  const made = stage.steps.filter(
    ({operation}) => operation.kind !== 'config' && !(operation.kind === 'workdir' && operation.path === '/'),
  );
  const time = (index: number) => `2021-01-01T00:${String(minute).padStart(2, '0')}:${String(index).padStart(2, '0')}Z`;
  return {
    stage,
    layers: new Map(made.map(({id}, index) => [id, {diffId: digestOf(id), created: time(index)}])),
  };
}

/** The target and the stages that it is made from, the first one first. */
function chainOf(graph: StageGraph): readonly BuiltStage[] {
  const chain: Stage[] = [];
  for (let stage: Stage | undefined = targetStage(graph); stage !== undefined;) {
    chain.unshift(stage);
    stage = stage.base.kind === 'stage' ? graph.stages[stage.base.index] : undefined;
  }
  return chain.map(built);
}

for (const name of readdirSync(folder)) {
  test(`the configuration and history are those of Docker: ${name}`, (t) => {
    const recorded = JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8')) as Recorded;
    const graph = graphOf(readFileSync(join(folder, name, 'Dockerfile'), 'utf8'), {
      buildArgs: buildArgs(recorded.buildArgs),
      baseConfigs: new Map([['docker.io/library/debian:bookworm', debian]]),
    });
    const chain = chainOf(graph);
    const base = chain[0]?.stage as Stage;
    const image = imageConfigOf(chain, base.base.kind === 'image' ? debian : undefined, {labels: recorded.labels});
    const rendered = JSON.parse(renderImageConfig(image).toString()) as ImageConfig & Recorded;
    t.deepEqual(
      rendered.history.map((entry) => {
        const {created_by, comment, empty_layer} = entry;
        return {...(created_by !== undefined && {created_by}), comment, ...(empty_layer === true && {empty_layer})};
      }),
      [...recorded.history] as never,
    );
    t.is(JSON.stringify(rendered.config), JSON.stringify(recorded.config), 'also in the order of the keys');
    t.is(rendered.author, recorded.author);
    t.is(rendered.rootfs.diff_ids.length, recorded.layers);
  });
}

const times = (config: ImageConfig) => config.history?.map(({created}) => created);
const text = 'FROM debian:bookworm\nARG A\nENV B=c\nRUN x\nENV D=e\nRUN y\nLABEL f=g';
const bases = {baseConfigs: new Map([['docker.io/library/debian:bookworm', debian]])};

test('entries without a layer have the time of the first new layer, then of the layer before', (t) => {
  const image = imageConfigOf(chainOf(graphOf(text, bases)), debian);
  const [x, y] = ['2021-01-01T00:00:00Z', '2021-01-01T00:00:01Z'];
  t.deepEqual(times(image), ['2020-01-01T00:00:00Z', x, x, x, x, y, y]);
  t.is(image.created, y);
});

test('without a new layer everything has the time of the base', (t) => {
  const image = imageConfigOf(chainOf(graphOf('FROM debian:bookworm\nENV A=b', bases)), debian);
  t.deepEqual(times(image), ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z']);
  t.is(image.created, '2020-01-01T00:00:00Z');
});

test('SOURCE_DATE_EPOCH is the latest time of what is new', (t) => {
  const image = imageConfigOf(chainOf(graphOf(text, bases)), debian, {epoch: 1_000_000_000});
  t.deepEqual([...new Set(times(image))], ['2020-01-01T00:00:00Z', '2001-09-09T01:46:40Z']);
  t.is(image.created, '2001-09-09T01:46:40Z');
  const later = imageConfigOf(chainOf(graphOf(text, bases)), debian, {epoch: 4_000_000_000});
  t.is(times(later)?.at(-1), '2021-01-01T00:00:01Z');
});

test('an image of scratch without anything has the platform and no history', (t) => {
  const image = imageConfigOf(chainOf(graphOf('FROM scratch')), undefined);
  t.deepEqual(image.history, []);
  t.is(image.architecture, 'amd64');
  t.is(image.os, 'linux');
  t.is(image.created, undefined);
});

test('rendered text is escaped as Go does, and sorted', (t) => {
  const config: ImageConfig = {
    os: 'linux',
    architecture: 'amd64',
    config: {Labels: {b: '<&>\u2028', a: '"'}, Cmd: [], Entrypoint: null},
    rootfs: {type: 'layers', diff_ids: []},
  };
  t.is(
    renderImageConfig(config).toString(),
    '{"architecture":"amd64","config":{"Labels":{"a":"\\"","b":"\\u003c\\u0026\\u003e\\u2028"}},"history":[],' +
      '"os":"linux","rootfs":{"type":"layers","diff_ids":[]}}',
  );
});
