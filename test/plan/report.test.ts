import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {planBuild, type PlanOptions} from '../../engine/plan/plan-build.js';
import type {PlanStep} from '../../engine/plan/predict.js';
import {renderPlan} from '../../engine/plan/render.js';
import {planReport, type PlanReport, type ReportExtra} from '../../engine/plan/report.js';
import {looksSecret} from '../../engine/plan/secrets.js';
import {planSteps} from '../../engine/plan/steps.js';
import {planCaseNames, planCases, planGolden, planOfCase} from '../helpers/plan-golden.js';
import {buildArgs} from '../helpers/graph.js';

const reportOf = (text: string, options: PlanOptions = {}, extra: Partial<ReportExtra> = {}): PlanReport =>
  planReport(planBuild(parseDockerfile(text), options), {context: '.', ...extra});

for (const name of planCaseNames()) {
  test(`the plan of ${name} is what its golden files say`, (t) => {
    for (const [file, text] of Object.entries(planGolden(name))) {
      t.is(text, readFileSync(join(planCases, name, file), 'utf8'), file);
    }
  });

  test(`the steps of ${name} have ids of their own, and need only steps before them`, (t) => {
    const seen = new Set<string>();
    for (const step of planOfCase(name).stages.flatMap(({steps}) => steps)) {
      t.false(seen.has(step.id));
      t.true(
        step.inputs.every((input) => seen.has(input)),
        step.id,
      );
      seen.add(step.id);
    }
  });
}

test('what a portal checkout is asked for', (t) => {
  const report = planOfCase('portal');
  const [builder, production] = report.stages;
  t.is(report.target, 'production');
  t.is(builder?.workdir, '/portal');
  t.deepEqual(report.images, ['debian:bookworm']);
  t.like(report.args[0], {
    name: 'debian_sources_entry',
    value: 'deb [trusted=yes] file:/tmp/artifacts ./',
    stage: 'production',
    used: true,
  });
  const commands = production?.steps.filter(({instruction}) => instruction === 'CMD') ?? [];
  t.is(commands.length, 1);
  t.regex(commands[0]?.text ?? '', /flask sync.*gunicorn/);
  t.deepEqual(production?.exposed, ['8008/tcp']);
  t.deepEqual(report.artifacts, [{stage: 'builder', path: '/tmp/artifacts'}]);
  t.deepEqual(production?.steps.find(({text}) => text.startsWith('COPY --from'))?.inputs, [
    'production.4',
    'builder.5',
  ]);
  t.is(production?.user, 'www-data');
});

test('the keys of the report are those that others rely on, in their order', (t) => {
  const report = planOfCase('portal');
  t.deepEqual(Object.keys(report), [
    ...['dockerfile', 'context', 'target', 'platform', 'images', 'args', 'stages', 'artifacts', 'warnings'],
  ]);
  t.deepEqual(Object.keys(report.stages[0]?.steps[0] ?? {}), [
    ...['id', 'line', 'instruction', 'text', 'inputs', 'key', 'cached', 'reason', 'seconds'],
  ]);
  for (const key of ['index', 'name', 'base', 'reachable', 'workdir', 'user', 'env', 'steps', 'exposed']) {
    t.true(Object.hasOwn(report.stages[0] ?? {}, key), key);
  }
  t.deepEqual(JSON.parse(JSON.stringify(report)), report);
});

test('a plan made twice is the same', (t) => {
  t.deepEqual(planOfCase('parallel'), planOfCase('parallel'));
});

test('a prediction fills key, cached, reason and seconds, and is asked for inputs first', (t) => {
  const asked: string[] = [];
  const predict = (step: PlanStep) => {
    asked.push(step.id);
    if (step.step?.operation.kind !== 'run') return undefined;
    return {key: 'sha256:1', cached: false, reason: 'ARG V changed from top-secret-1', seconds: 2.5};
  };
  const options = {buildArgs: buildArgs({API_TOKEN: 'top-secret-1'})};
  const report = reportOf('FROM x AS a\nARG API_TOKEN\nRUN $API_TOKEN\nFROM y\nCOPY --from=a / /', options, {predict});
  t.deepEqual(asked, ['a.0', 'a.1', 'a.2', '1.0', '1.1']);
  t.like(report.stages[0]?.steps[2], {key: 'sha256:1', cached: false, reason: 'ARG V changed from ***', seconds: 2.5});
  t.like(report.stages[1]?.steps[1], {key: null, cached: 'unknown', seconds: null});
  t.regex(renderPlan(report), /RUN \$API_TOKEN {2}\[runs: ARG V changed from \*\*\* 2\.5s\]/);
});

test('secret values stand nowhere in the report or its text', (t) => {
  const report = planOfCase('secrets');
  for (const text of [JSON.stringify(report), renderPlan(report, {color: true})]) {
    t.notRegex(text, /tok-12345|written-in-the-file|plain-password|"short"/);
  }
  t.is(report.stages[0]?.env['DB_PASSWORD'], '***');
  t.is(report.stages[0]?.env['KEY_FILE'], '/etc/key');
});

for (const [name, secret] of [
  ['DB_PASSWORD', true],
  ['PGPASSWORD', true],
  ['GITHUB_TOKEN', true],
  ['API_KEY', true],
  ['apikey', true],
  ['AUTH', true],
  ['AWS_SECRET_ACCESS_KEY', true],
  ['KEY_FILE', false],
  ['PUBLIC_KEY', false],
  ['KEYBOARD', false],
  ['PATH', false],
  ['TOKEN_URL', false],
  ['AUTHOR', false],
] as const) {
  test(`${name} ${secret ? 'looks' : 'does not look'} like the name of a secret`, (t) => {
    t.is(looksSecret(name), secret);
  });
}

test('what the Dockerfile itself says in public does not blank out ordinary words', (t) => {
  const report = reportOf('FROM postgres:16\nENV POSTGRES_PASSWORD=postgres\nUSER postgres');
  t.is(report.stages[0]?.env['POSTGRES_PASSWORD'], '***');
  t.is(report.stages[0]?.steps[1]?.text, 'ENV POSTGRES_PASSWORD=***');
});

test('artifacts: what the target, or a stage it is made from, takes from another stage', (t) => {
  const artifacts = (text: string) => reportOf(text).artifacts.map(({stage, path}) => `${stage}:${path}`);
  t.deepEqual(artifacts('FROM x AS b\nFROM y\nCOPY --from=b /a/../out ./rel /\nCOPY --from=b out /'), [
    'b:/out',
    'b:/rel',
  ]);
  t.deepEqual(artifacts('FROM x AS b\nFROM y AS mid\nCOPY --from=b /out /\nFROM mid'), ['b:/out']);
  t.deepEqual(artifacts('FROM x AS b\nFROM y\nRUN --mount=from=b,source=/out,target=/m --mount=from=b,target=/n x'), [
    'b:/out',
  ]);
  t.deepEqual(artifacts('FROM x\nFROM y\nCOPY --from=0 /o*/x.deb /'), ['0:/o*/x.deb']);
  t.deepEqual(artifacts('FROM x AS b\nFROM y\nCOPY a /\nCOPY --from=nginx /etc /'), []);
  t.deepEqual(artifacts('FROM x AS b\nFROM y AS c\nCOPY --from=b /out /\nFROM z'), []);
});

test('a wildcard is looked for below the directory before it', (t) => {
  const {artifacts} = planBuild(parseDockerfile('FROM x\nFROM y\nCOPY --from=0 /o/*.d/x.deb /'));
  t.deepEqual(artifacts, [{stage: 0, path: '/o', pattern: '/o/*.d/x.deb'}]);
});

test('checks: what is skipped, what fails, what is not built', (t) => {
  const warnings = (text: string, options: PlanOptions = {}) =>
    planBuild(parseDockerfile(text), options).warnings.map(({rule}) => rule);
  const text = 'FROM scratch AS a\nCMD x\nFROM scratch\nENV A=$B\nMAINTAINER me';
  t.deepEqual(warnings(text), ['UndefinedVar', 'MaintainerDeprecated']);
  t.deepEqual(warnings(text, {allStages: true}), ['JSONArgsRecommended', 'UndefinedVar', 'MaintainerDeprecated']);
  t.deepEqual(warnings(`# check=skip=UndefinedVar\n${text}`), ['MaintainerDeprecated']);
  t.deepEqual(warnings(text, {buildArgs: buildArgs({BUILDKIT_DOCKERFILE_CHECK: 'skip=all'})}), []);
  t.throws(() => warnings(text, {buildArgs: buildArgs({BUILDKIT_DOCKERFILE_CHECK: 'skp=all'})}), {
    code: 'BUILD_ARG_INVALID',
    message: 'build argument BUILDKIT_DOCKERFILE_CHECK: invalid check option "skp=all" (did you mean "skip"?)',
  });
  t.false(planBuild(parseDockerfile(text)).warningsFail);
  t.true(planBuild(parseDockerfile(`# check=error=true\n${text}`)).warningsFail);
});

test('overrides reach the effective Dockerfile of the plan', (t) => {
  const plan = planBuild(parseDockerfile('FROM x\nENV A=1\n'), {envOverrides: [{name: 'A', value: '2'}]});
  t.is(plan.effectiveText, 'FROM x\nENV A="2"\n');
  t.is(plan.dockerfile.text, 'FROM x\nENV A=1\n');
});

test('a plan of many stages and steps is made in time that grows with them', (t) => {
  const stage = (index: number) =>
    `FROM ${index === 0 ? 'x' : `s${index - 1}`} AS s${index}\nENV V${index}=$V${index}\n${'RUN a\n'.repeat(20)}`;
  const text = Array.from({length: 200}, (_, index) => stage(index)).join('');
  const plan = planBuild(parseDockerfile(text));
  t.is(planSteps(plan.graph).length, 200 * 22);
  t.is(planReport(plan, {context: '.'}).stages.length, 200);
});

test('text for a narrow terminal is cut, and has no colour unless asked for', (t) => {
  const report = reportOf(`FROM x\nRUN echo ${'long '.repeat(60)}`);
  const lines = renderPlan(report, {width: 60}).split('\n');
  t.true(lines.filter((line) => line.includes('RUN')).every((line) => line.length <= 60));
  t.false(renderPlan(report).includes('\u001b'));
  t.true(renderPlan(report, {color: true}).includes('\u001b[1m'));
});
