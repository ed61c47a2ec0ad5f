import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import type {ImageConfig} from '../../engine/oci/config.js';
import {parsePlatform} from '../../engine/oci/platform.js';
import {planBuild} from '../../engine/plan/plan-build.js';
import {renderPlan} from '../../engine/plan/render.js';
import {planReport, type PlanReport} from '../../engine/plan/report.js';
import type {BuildArgOrigin, EnvOverride} from '../../engine/stages/options.js';

export const planCases = 'test/fixtures/plan';

/** `options.json` of a case. */
interface CaseOptions {
  readonly buildArgs?: Readonly<Record<string, readonly [value: string, origin: BuildArgOrigin]>>;
  readonly envOverrides?: readonly EnvOverride[];
  readonly namedContexts?: readonly string[];
  readonly baseConfigs?: Readonly<Record<string, ImageConfig>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platform?: string;
  readonly context?: {readonly hasGit: boolean; readonly ignored: readonly string[]};
}

export const planCaseNames = (): readonly string[] => readdirSync(planCases).sort();

/** The report of a case, as on a linux/amd64 machine. */
export function planOfCase(name: string): PlanReport {
  const read = (file: string): string => readFileSync(join(planCases, name, file), 'utf8');
  const options = JSON.parse(read('options.json')) as CaseOptions;
  const buildArgs = Object.entries(options.buildArgs ?? {}).map(
    ([arg, [value, origin]]) => [arg, {value, origin}] as const,
  );
  const plan = planBuild(parseDockerfile(read('Dockerfile'), {file: `${name}/Dockerfile`}), {
    buildArgs: new Map(buildArgs),
    envOverrides: options.envOverrides,
    namedContexts: new Set(options.namedContexts),
    baseConfigs: new Map(Object.entries(options.baseConfigs ?? {})),
    labels: options.labels,
    target: options.target,
    platform: options.platform === undefined ? undefined : parsePlatform(options.platform),
    buildPlatform: {os: 'linux', architecture: 'amd64'},
    contextFacts:
      options.context === undefined
        ? undefined
        : {
            hasGit: options.context.hasGit,
            patterns: options.context.ignored,
            ignores: (path) => options.context?.ignored.includes(path) === true,
          },
  });
  return planReport(plan, {context: '.'});
}

/** Golden files of a case by name. */
export function planGolden(name: string): Readonly<Record<string, string>> {
  const report = planOfCase(name);
  return {
    'expected.json': `${JSON.stringify(report, undefined, 2)}\n`,
    'expected.txt': renderPlan(report, {width: 120}),
  };
}
