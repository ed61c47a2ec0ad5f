import {join} from 'node:path';
import test from 'ava';
import {loadCompose} from '../../engine/compose/load-compose.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';
import {load, web} from './loading.js';

test('a checkout without a Compose file has no settings', async (t) => {
  t.is(await load(t, {Dockerfile: 'FROM a'}).build(), undefined);
});

test('no_cache_filter is a stage or a list of them, and those of later files are added', async (t) => {
  const {build} = load(t, {
    'compose.yaml': web('build: {context: ., no_cache_filter: builder}'),
    'compose.override.yaml': web('build: {no_cache_filter: [test, docs]}'),
  });
  t.deepEqual((await build())?.noCacheFilter, ['builder', 'test', 'docs']);
});

test('a byte order mark is no part of the first key, which begins its line', async (t) => {
  const text = 'name: marked\nservices:\n  web: {build: .}\n';
  const found = await load(t, {'compose.yaml': `\ufeff${text}`}).build();
  t.like(found, {service: 'web', projectName: 'marked'});
});

test('docker/docker-compose.yaml is found, and its paths are relative to docker/', async (t) => {
  const {build, directory} = load(t, {
    'docker/docker-compose.yaml': web('image: ${I:-i}\nbuild: {context: .., dockerfile: docker/Dockerfile}'),
    'docker/.env': 'I=from-docker\n',
    '.env': 'I=from-top\n',
  });
  const found = await build();
  t.like(found, {context: {kind: 'directory', path: directory}, dockerfile: 'docker/Dockerfile', image: 'from-docker'});
  t.is(found?.projectDirectory, join(directory, 'docker'));
  t.is(found?.projectName, 'docker');
});

test('a file in the directory goes before those in docker/', async (t) => {
  const {build} = load(t, {'compose.yml': web('build: a'), 'docker/compose.yaml': web('build: b')});
  t.regex(JSON.stringify((await build())?.context), /checkout\/a/);
});

test('COMPOSE_FILE of the shell may name files of docker/, as when standing in docker/', async (t) => {
  const {build} = load(
    t,
    {
      'docker/docker-compose.yaml': web('build: {context: ., target: production}'),
      'docker/docker-compose.dev.yaml': web('build: {target: dev}'),
    },
    {COMPOSE_FILE: 'docker-compose.yaml:docker-compose.dev.yaml'},
  );
  t.is((await build())?.target, 'dev');
});

test('files that are given are relative to the directory, and nothing else is looked for', async (t) => {
  const {build} = load(
    t,
    {'deploy/x.yaml': web('build: .'), 'compose.yaml': 'broken: ['},
    {COMPOSE_FILE: 'nope.yaml'},
    {files: ['deploy/x.yaml']},
  );
  t.regex(JSON.stringify((await build())?.context), /checkout\/deploy"/);
});

const serviceCases: readonly (readonly [string, string, string | undefined, string | RegExp | undefined])[] = [
  ['web goes before others', 'web: {build: .}\n  app: {build: .}', undefined, 'web'],
  ['the only one with build is taken', 'db: {image: x}\n  app: {build: .}', undefined, 'app'],
  ['a web without build is passed over', 'web: {image: x}\n  app: {build: .}', undefined, 'app'],
  ['the one asked for is taken', 'web: {build: .}\n  app: {build: .}', 'app', 'app'],
  ['a profile does not hide a service', 'web: {build: ., profiles: [never]}', undefined, 'web'],
  ['none with build is none', 'web: {image: x}', undefined, undefined],
  ['several without web are refused', 'a: {build: .}\n  b: {build: .}', undefined, /which service to build\? a, b/],
  ['an unknown one is refused with the nearest', 'web: {build: .}', 'wev', /no service "wev" \(did you mean "web"\?\)/],
  ['one without build is refused', 'web: {build: .}\n  db: {image: x}', 'db', /"db" has no build/],
];
for (const [name, services, service, expected] of serviceCases) {
  test(`service: ${name}`, async (t) => {
    const options = service === undefined ? {} : {service};
    const {build} = load(t, {'compose.yaml': `services:\n  ${services}\n`}, {}, options);
    if (expected instanceof RegExp) await t.throwsAsync(build, {code: 'COMPOSE_INVALID', message: expected});
    else t.is((await build())?.service, expected);
  });
}

test('each argument knows where its value came from', async (t) => {
  const args = [
    'LIT=x',
    'SHELL',
    'DOT',
    'ABSENT',
    'A=${SHELL}',
    'B=${DOT}-x',
    'C=${NO:-d}',
    'D=${NO:-${DOT}}',
    'E=$$x',
  ];
  const {build} = load(
    t,
    {
      'compose.yaml': web(`build: {context: ., args: ${JSON.stringify([...args, 'F=${DOT}${SHELL}'])}}`),
      '.env': 'DOT=d\nSHELL=n',
    },
    {SHELL: 's'},
  );
  t.deepEqual(
    (await build())?.args.map(({name, value, origin}) => `${name}=${value} ${origin}`),
    [
      'LIT=x compose',
      'SHELL=s environment',
      'DOT=d .env',
      'A=s environment',
      'B=d-x .env',
      'C=d default',
      'D=d .env',
      'E=$x compose',
      'F=ds environment',
    ],
  );
});

test('an argument names its file and line', async (t) => {
  const {build} = load(t, {'compose.yaml': web('build:\n  context: .\n  args:\n    A: 1\n    B: "2"')});
  t.deepEqual(
    (await build())?.args.map(({file, line}) => `${file}:${line}`),
    ['compose.yaml:6', 'compose.yaml:7'],
  );
});

test('paths, secrets and keys are absolute', async (t) => {
  const {build, directory} = load(
    t,
    {
      'compose.yaml': `${web('build: {context: ., secrets: [f, {source: e, target: token}], ssh: [default, "k=./k,~/l"], additional_contexts: {o: "oci-layout://./o:t@sha256:x"}}')}secrets: {f: {file: ./s}, e: {environment: TOKEN}}\n`,
    },
    {HOME: '/home/u', TOKEN: 'hunter2'},
  );
  const found = await build();
  t.deepEqual(found?.secrets, [
    {id: 'f', source: {kind: 'file', path: join(directory, 's')}},
    {id: 'token', source: {kind: 'env', name: 'TOKEN', value: 'hunter2'}},
  ]);
  t.deepEqual(found?.ssh, [
    {id: 'default', paths: []},
    {id: 'k', paths: [join(directory, 'k'), '/home/u/l']},
  ]);
  t.is(found?.additionalContexts.get('o'), `oci-layout://${directory}/o:t@sha256:x`);
});

test('an unset variable is told once, with its line', async (t) => {
  const {build} = load(t, {'compose.yaml': web('image: a:$TAG\nbuild: {context: ., target: "$TAG"}')});
  t.deepEqual((await build())?.warnings, [
    {message: 'the variable TAG is not set; it stands for nothing', file: 'compose.yaml', line: 3},
  ]);
});

test('an abort is its reason', async (t) => {
  const directory = temporaryDirectory(t);
  writeTree(directory, {'compose.yaml': web('build: .')});
  const reason = new Error('enough');
  t.is(await t.throwsAsync(loadCompose({directory, environment: new Map()}, AbortSignal.abort(reason))), reason);
});
