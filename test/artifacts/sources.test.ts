import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {parseArtifactPattern} from '../../engine/artifacts/pattern.js';
import {artifactSources} from '../../engine/artifacts/sources.js';

const plan = {
  artifacts: [{stage: 0, path: '/tmp/artifacts', pattern: undefined}],
  graph: {
    target: 2,
    stages: [
      {index: 0, name: 'builder'},
      {index: 1, name: undefined},
      {index: 2, name: 'production'},
    ],
  },
};
const places = (...texts: readonly string[]) =>
  artifactSources(plan, texts.map(parseArtifactPattern)).map((one) => [
    one.stage,
    one.stageName,
    one.path,
    one.patterns.map((pattern) => pattern.glob),
  ]);

test('without patterns the places of the plan are looked at', (t) => {
  t.deepEqual(places(), [[0, 'builder', '/tmp/artifacts', []]]);
});

test('a name is looked for in the places of the plan, a path where it says', (t) => {
  t.deepEqual(places('*.whl', '/srv/*.deb', '*.deb'), [
    [0, 'builder', '/tmp/artifacts', ['*.whl', '*.deb']],
    [0, 'builder', '/srv', ['/srv/*.deb']],
  ]);
});

test('a stage is named by its name in any case, or by its index', (t) => {
  t.deepEqual(places('Builder:*.deb', '1:/out/x'), [
    [0, 'builder', '/tmp/artifacts', ['*.deb']],
    [1, '1', '/out/x', ['/out/x']],
  ]);
});

test('a stage that is not there gets the nearest name', (t) => {
  const error = t.throws(() => places('bilder:*.deb'), {instanceOf: BuildError, code: 'USAGE'});
  t.is(error.message, '--artifact bilder:*.deb names no stage "bilder" (did you mean "builder"?)');
  t.is(error.details.remedy, 'The stages are builder, 1, production.');
});

test('a name in a stage that nothing is copied from needs a path', (t) => {
  const error = t.throws(() => places('production:*.deb'), {instanceOf: BuildError, code: 'USAGE'});
  t.regex(error.details.remedy ?? '', /write an absolute path, such as "production:\/out\/\*\.deb"/);
});

test('without any copy between stages an absolute path is that of the target', (t) => {
  const sources = artifactSources({...plan, artifacts: []}, [parseArtifactPattern('/out/*.deb')]);
  t.like(sources[0], {stage: 2, path: '/out'});
});

test('what COPY names by a wildcard limits what is taken', (t) => {
  const sources = artifactSources({...plan, artifacts: [{stage: 0, path: '/out', pattern: '/out/portal*'}]}, []);
  t.deepEqual(sources, [{stage: 0, stageName: 'builder', path: '/out', patterns: [], within: '/out/portal*'}]);
});
