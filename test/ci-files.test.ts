import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {parse} from 'yaml';
import {daemonOrSkip} from './helpers/daemon.js';
import {temporaryDirectory} from './helpers/temporary.js';

/** Every string in a document that a shell runs. */
function scriptsOf(value: unknown, key = ''): string[] {
  if (typeof value === 'string') return key === 'run' || key === 'script' ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((each) => scriptsOf(each, key));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, each]) => scriptsOf(each, name));
}

for (const file of ['.github/workflows/build-artifacts.yml', '.gitlab-ci.yml', '.travis.yml']) {
  test(`the build job of ${file} is one command, of options that the tool has`, (t) => {
    const document = parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const text = JSON.stringify(document);
    t.true(text.includes('build-artifacts'));
    const builds = scriptsOf(document).filter((script) => script.includes('scripts/build-image'));
    const uses = text.includes('"uses":"./"');
    t.is(builds.length, uses ? 0 : 1);
    const help = execFileSync(process.execPath, ['dist/engine/cli/main.js', 'build', '--help'], {encoding: 'utf8'});
    for (const [option] of builds.flatMap((script) => [...script.matchAll(/--[a-z-]+/g)])) {
      t.true(help.includes(`${option} `) || help.includes(`${option}\n`), option);
    }
  });
}

test('every input of the action reaches its script', (t) => {
  const action = parse(readFileSync('action.yml', 'utf8')) as {
    inputs: Record<string, unknown>;
    outputs: Record<string, {value: string}>;
    runs: {steps: [{id: string; env: Record<string, string>; run: string}]};
  };
  const script = readFileSync('scripts/action', 'utf8');
  const [step] = action.runs.steps;
  for (const input of Object.keys(action.inputs)) {
    const variable = `INPUT_${input.toUpperCase().replaceAll('-', '_')}`;
    t.is(step.env[variable], `\${{ inputs.${input} }}`);
    t.true(script.includes(variable), variable);
  }
  t.is(Object.keys(step.env).length, Object.keys(action.inputs).length);
  for (const [output, {value}] of Object.entries(action.outputs)) {
    t.is(value, `\${{ steps.${step.id}.outputs.${output} }}`);
  }
});

test('the action builds, gives its outputs and adds to the summary of the run', (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const directory = temporaryDirectory(t);
  const context = join(directory, '-context');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nARG NAME\nCOPY file /$NAME\nENV MODE=a\n');
  writeFileSync(join(context, 'file'), 'content');
  const [outputs, summary] = [join(directory, 'outputs'), join(directory, 'summary')];
  const {status, stderr, stdout} = spawnSync(join(process.cwd(), 'scripts/action'), {
    cwd: directory,
    encoding: 'utf8',
    env: {
      ...process.env,
      DOCKER_HOST: `unix://${daemon.socket}`,
      BUILD_IMAGE_ROOT: join(directory, 'store'),
      GITHUB_OUTPUT: outputs,
      GITHUB_STEP_SUMMARY: summary,
      INPUT_CONTEXT: '-context',
      INPUT_TAGS: '\n  build-image-test/action:1\r\nbuild-image-test/action:2\n',
      INPUT_BUILD_ARGS: 'NAME=a b=$(false)',
      INPUT_ENV: 'MODE=b',
      INPUT_DRIVER: 'docker',
      INPUT_DELIVER: 'false',
    },
  });
  t.teardown(async () => {
    for (const tag of ['1', '2']) {
      await daemon.docker
        .getImage(`build-image-test/action:${tag}`)
        .remove()
        .catch(() => undefined);
    }
  });
  t.is(status, 0, stderr);
  const {configDigest} = JSON.parse(stdout) as {configDigest: string};
  const lines = readFileSync(outputs, 'utf8').replaceAll(/<<(.*)\n([^]*?)\n\1\n/g, '=$2;');
  t.is(lines, `image=${configDigest};tags=build-image-test/action:1\nbuild-image-test/action:2;artifacts=;`);
  t.true(readFileSync(summary, 'utf8').startsWith('## build-image-test/action:1: built\n'));
});
