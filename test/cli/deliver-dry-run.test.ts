import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {makeDeb} from '../artifacts/make-deb.js';
import {foreignRepository, git, newBase, plainGit, repository} from '../delivery/repositories.js';
import {runCli} from '../helpers/cli.js';
import {asRoot} from '../helpers/root.js';

const base = newBase();
test.after.always(() => rmSync(base, {recursive: true, force: true}));

/** What a CI service says of the run of these tests is nothing to them. */
const outside = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(?:GITHUB_|GITLAB_|CI|TRAVIS|JENKINS_|GIT_)|_REPO$/.test(name))
    .map((name) => [name, undefined]),
);
const deliver = (directory: string, environment: Readonly<Record<string, string>>, ...args: readonly string[]) =>
  runCli(['deliver', ...args], {cwd: directory, env: {...outside, ...plainGit, ...environment}});

const triple = (name: string, place: string, key: string) => ({
  [`${name}_REPO`]: place,
  [`${name}_USERNAME`]: 'robot',
  [`${name}_API_KEY`]: key,
});

test('a dry run shows tags, references and packages, and no key', async (t) => {
  const directory = repository(base, 'develop', ['v1.0.0']);
  writeFileSync(join(directory, 'compose.yaml'), 'services: {web: {image: "team/portal:x", build: .}}\n');
  mkdirSync(join(directory, 'artifacts'));
  makeDeb(join(directory, 'artifacts'), 'portal_1.0_all.deb');
  const environment = {
    ...triple('ONE', 'localhost:5000/team', 'key-number-one'),
    ...triple('TWO', 'ghcr.io', 'key-number-two'),
    APT_DEB_REPO: 'http://robot:key-number-three@localhost:8080/api/repos/main',
    APT_DISTRIBUTION: 'bookworm',
    DOCKER_EXTRA_TAGS: 'nightly',
  };
  const run = await deliver(directory, environment, '--dry-run', '--json');
  t.is(run.status, 0, run.stderr);
  const hash = git(directory, 'rev-parse', 'HEAD');
  const tags = ['latest', 'v1.0.0', hash, git(directory, 'rev-parse', '--short', 'HEAD'), 'nightly'];
  t.deepEqual(JSON.parse(run.stdout), {
    tags,
    registries: [
      {name: 'ONE', references: tags.map((tag) => `localhost:5000/team/portal:${tag}`)},
      {name: 'TWO', references: tags.map((tag) => `ghcr.io/portal:${tag}`)},
    ],
    packages: [{file: 'artifacts/portal_1.0_all.deb', target: 'http://localhost:8080/api/repos/main'}],
  });
  t.notRegex(run.stdout + run.stderr, /key-number/);
  const text = await deliver(directory, environment, '--dry-run');
  t.true(text.stdout.includes('push      localhost:5000/team/portal:latest  (ONE)\n'), text.stdout);
  t.notRegex(text.stdout + text.stderr, /key-number/);
});

test('where nothing is configured a delivery says so and is done', async (t) => {
  const run = await deliver(repository(base, 'develop'), {});
  t.is(run.status, 0, run.stderr);
  t.regex(run.stderr, /no registry and no package repository is configured/);
});

test('a branch that the policy does not deliver is said, and is no failure', async (t) => {
  const directory = repository(base, 'feature/x');
  const environment = triple('ONE', 'localhost:5000', 'key-number-one');
  const run = await deliver(directory, environment, '--json');
  t.is(run.status, 0, run.stderr);
  t.regex(run.stderr, /feature\/x is not delivered; delivered are develop, master/);
  t.deepEqual((JSON.parse(run.stdout) as {registries: unknown}).registries, []);
  const any = await deliver(directory, environment, '--dry-run', '--json', '--any-branch');
  t.is((JSON.parse(any.stdout) as {registries: readonly unknown[]}).registries.length, 1);
});

test("docker's configuration opens a registry that has no key in the environment", async (t) => {
  const directory = repository(base, 'main');
  const config = join(directory, 'docker-config');
  mkdirSync(config);
  const auth = Buffer.from('robot:key-number-one').toString('base64');
  writeFileSync(join(config, 'config.json'), JSON.stringify({auths: {'localhost:5000': {auth}, 'ghcr.io': {auth}}}));
  const environment = {DOCKER_CONFIG: config, ONE_REPO: 'localhost:5000/team', TWO_REPO: 'localhost:5001/team'};
  const run = await deliver(directory, environment, '--dry-run', '--json', '--image', 'ghcr.io/team/portal:1');
  t.is(run.status, 0, run.stderr);
  const {registries} = JSON.parse(run.stdout) as {registries: readonly {name: string; references: readonly string[]}[]};
  t.deepEqual(
    registries.map(({name, references}) => [name, references[0]]),
    [
      ['ONE', 'localhost:5000/team/portal:stable'],
      ['ghcr.io', 'ghcr.io/team/portal:stable'],
    ],
  );
  t.regex(run.stderr, /TWO_REPO is not used: TWO_USERNAME and TWO_API_KEY are not set/);
});

test('a mistake in the policy file is shown with its line', async (t) => {
  const directory = repository(base, 'main');
  writeFileSync(join(directory, 'build-image.yaml'), 'deliver:\n  tag: {}\n');
  const run = await deliver(directory, {}, '--dry-run');
  t.is(run.status, 2);
  t.regex(run.stderr, /^build-image: build-image\.yaml:2: there is no key "tag" here \(did you mean "tags"\?\)/);
});

asRoot('a repository of another user is not read, and the way out is said', async (t) => {
  const directory = foreignRepository(base);
  const refused = await deliver(directory, {}, '--dry-run');
  t.is(refused.status, 1);
  t.regex(refused.stderr, /git refuses to read .*it belongs to another user\n.*safe\.directory/);
  const told = await deliver(directory, {GIT_BRANCH: 'develop'}, '--dry-run', '--json');
  t.is(told.status, 0, told.stderr);
  t.deepEqual((JSON.parse(told.stdout) as {tags: unknown}).tags, ['latest']);
});
