import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import type {ComposeBuild} from '../../engine/compose/compose-build.js';
import {loadCompose} from '../../engine/compose/load-compose.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

/** What Docker Compose 2.40 makes of each case; `scripts/record-compose.ts` records it. */
interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly expected: {
    readonly refused?: true;
    readonly web?: {readonly build?: Readonly<Record<string, unknown>>; readonly image?: string};
    readonly unset?: readonly string[];
  };
}

/** Where the engine differs, and why. The value is what it does instead. */
const deviations: Readonly<Record<string, 'accepts' | 'refuses' | 'none'>> = {
  // Compose fails to print these; it builds with them.
  'ssh with keys': 'accepts',
  'ssh as a map': 'accepts',
  'ssh is joined': 'accepts',
  // A limit in another form is still one limit.
  'ulimits are merged': 'accepts',
  // A build needs no env_file: a default may be copied for it, or a later `up` says what is missing.
  'a missing env_file': 'accepts',
  // `build:` without a value says nothing, in one file as in two.
  'a null build': 'none',
  // Compose drops the list in silence.
  'a list over a map is refused': 'refuses',
  // A build of PATH takes nothing from above PATH.
  'the parent directory is searched': 'none',
  // No service, nothing to build: the Dockerfile is looked for instead.
  'no services': 'none',
  'reset of build': 'none',
};

function shown(build: ComposeBuild, project: string): Record<string, unknown> {
  const place = (text: string) => text.replaceAll(project, '<project>').replaceAll(join(project, '..'), '<parent>');
  const context = build.context.kind === 'url' ? build.context.url : place(build.context.path);
  const filled = (name: string, list: readonly unknown[]) => (list.length > 0 ? {[name]: list} : {});
  const record = (name: string, value: Readonly<Record<string, unknown>>) =>
    Object.keys(value).length > 0 ? {[name]: value} : {};
  return {
    context,
    ...(build.dockerfileInline === undefined && {dockerfile: build.dockerfile ?? 'Dockerfile'}),
    ...(build.dockerfileInline !== undefined && {dockerfile_inline: build.dockerfileInline}),
    ...record('args', Object.fromEntries(build.args.map((arg) => [arg.name, arg.value]))),
    ...record('labels', build.labels),
    ...(build.target !== undefined && {target: build.target}),
    ...(build.network !== undefined && {network: build.network}),
    ...(build.noCache && {no_cache: true}),
    ...(build.pull && {pull: true}),
    ...(build.privileged && {privileged: true}),
    ...filled('cache_from', build.cacheFrom),
    ...filled('cache_to', build.cacheTo),
    ...filled('tags', build.tags),
    ...filled('entitlements', build.entitlements),
    ...(build.shmSize !== undefined && {shm_size: String(build.shmSize)}),
    ...filled(
      'extra_hosts',
      build.extraHosts.map((host) => host.replace(':', '=')),
    ),
    ...record(
      'additional_contexts',
      Object.fromEntries([...build.additionalContexts].map(([name, value]) => [name, place(value)])),
    ),
    ...record(
      'ulimits',
      Object.fromEntries(
        build.ulimits.map((limit) => {
          const [name = '', value = ''] = limit.split('=');
          const [soft, hard] = value.split(':').map(Number);
          return [name, hard === undefined ? soft : {soft, hard}];
        }),
      ),
    ),
    ...filled(
      'ssh',
      build.ssh.map(({id}) => id),
    ),
    ...filled(
      'secrets',
      build.secrets.map(({id}) => id),
    ),
  };
}

/** The recorded build without what is told elsewhere: the order of names, the platform and the form of secrets. */
function recorded(build: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const {secrets, additional_contexts: contexts, ...others} = build;
  const rest = Object.fromEntries(Object.entries(others).filter(([key]) => key !== 'platforms' && key !== 'isolation'));
  const ids = (secrets as {source: string; target?: string}[] | undefined)?.map(({source, target}) => target ?? source);
  return {
    ...rest,
    ...(ids !== undefined && {secrets: ids}),
    ...(contexts !== undefined && {
      additional_contexts: Object.fromEntries(
        Object.entries(contexts as Record<string, string>).map(([name, value]) => [
          name,
          // Relative to the project here, where the builder would take its own directory.
          value.replace('oci-layout://./x', 'oci-layout://<project>/x'),
        ]),
      ),
    }),
  };
}

const agrees = test.macro({
  async exec(t, {name, files, environment = {}, directory = '.', expected}: Case) {
    const project = join(temporaryDirectory(t), 'project');
    writeTree(project, files);
    const variables = new Map(Object.entries({HOME: '/root', ...environment}));
    const load = () =>
      loadCompose({directory: join(project, directory), environment: variables}, new AbortController().signal);
    const deviation = deviations[name];
    if (deviation === 'accepts') {
      t.true(expected.refused);
      t.truthy(await load());
      return;
    }
    if (expected.refused === true || deviation === 'refuses') {
      if (deviation === 'none') {
        t.is(await load(), undefined);
        return;
      }
      const error = await t.throwsAsync(load, {instanceOf: BuildError});
      t.regex(error.code, /^(?:COMPOSE_|UNSUPPORTED)/);
      t.is(typeof error.details.file, 'string');
      return;
    }
    const build = await load();
    if (deviation === 'none' || expected.web === undefined) {
      t.is(build, undefined);
      return;
    }
    if (build === undefined) return t.fail('no settings');
    t.deepEqual(shown(build, project), recorded(expected.web.build ?? {}));
    t.is(build.image, expected.web.image);
    const unset = build.warnings.flatMap(({message}) => /^the variable (\w+) is not set/.exec(message)?.[1] ?? []);
    t.deepEqual(unset.sort(), expected.unset ?? []);
  },
  title: (given = '') => `as Docker Compose, ${given}`,
});

let count = 0;
for (const file of readdirSync('test/fixtures/compose').filter((name) => name.endsWith('.json'))) {
  for (const item of JSON.parse(readFileSync(join('test/fixtures/compose', file), 'utf8')) as Case[]) {
    count++;
    test(`case ${count} (${file}) ${JSON.stringify(item.name)}`, agrees, item);
  }
}

test('the golden cases are there', (t) => t.true(count > 400));
