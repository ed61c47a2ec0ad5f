import {basename} from 'node:path/posix';
import pc from 'picocolors';
import {mapStrings} from '../base/map-strings.js';
import {visible} from '../base/visible.js';
import {formatDuration} from '../progress/format.js';
import type {PlanReport, ReportStage, ReportStep, ReportVariable} from './report.js';

export interface RenderOptions {
  /** Default false. */
  readonly color?: boolean | undefined;
  /** Columns that a line may take; longer step texts end in `…`. Default: not cut. */
  readonly width?: number | undefined;
}

type Colors = ReturnType<typeof pc.createColors>;

interface Page {
  readonly report: PlanReport;
  readonly colors: Colors;
  readonly width: number;
}

/** `Dockerfile:12`, `--build-arg`, …: where a value came from, for people. */
function originText({origin, line}: ReportVariable, file: string): string {
  const at = line > 0 ? `${file}:${line}` : '';
  switch (origin) {
    case 'default':
    case 'env':
      return at;
    case 'global-default':
      return `${at}, global`;
    case 'build-arg':
      return '--build-arg';
    case 'build-arg-environment':
      return 'environment';
    case 'build-arg-file':
      return '--build-arg-file';
    case 'compose':
      return 'compose file';
    case '.env':
      return '.env';
    case 'env-override':
      return `--env, over ${at}`;
    case 'base-image':
      return 'base image';
    case 'platform':
    case 'predefined':
      return 'builder';
    case 'unset':
      return `${at}, without a value`;
    default:
      throw new Error(`unreachable: ${String(origin satisfies never)}`);
  }
}

function cut(text: string, width: number): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length <= width ? line : `${line.slice(0, Math.max(1, width - 1))}…`;
}

function stepNote({cached, reason, seconds}: ReportStep): string {
  const time = seconds === null ? '' : ` ${seconds.toFixed(1)}s`;
  if (cached === true) return `cached${time}`;
  if (cached === false) return `runs${reason === null ? '' : `: ${reason}`}${time}`;
  return '';
}

function stepLines({report, colors, width}: Page, stage: ReportStage): readonly string[] {
  const last = stage.steps.length - 1;
  const digits = String(stage.steps.reduce((most, {line}) => Math.max(most, line), 1)).length;
  const own = new Set(stage.steps.map(({id}) => id));
  return stage.steps.map((step, index) => {
    const branch = index === last ? '└─' : '├─';
    const number = String(step.line).padStart(digits);
    const others = step.inputs.filter((input) => !own.has(input)).map((input) => stageOf(report, input));
    const reads = index === 0 || others.length === 0 ? '' : `  ← ${others.join(', ')}`;
    const note = stepNote(step);
    const state = note === '' ? '' : `  [${note}]`;
    const room = width - digits - 8 - reads.length - state.length;
    const text = cut(step.text, Math.max(20, room));
    const keyword = text.split(' ', 1)[0] ?? '';
    const shown = colors.bold(keyword) + text.slice(keyword.length);
    const colored = step.cached === true ? colors.green(state) : colors.yellow(state);
    return `  ${colors.dim(`${branch} ${number}`)}  ${shown}${colors.cyan(reads)}${colored}`;
  });
}

function stageOf(report: PlanReport, step: string): string {
  return report.stages.map(labelOf).find((label) => step.startsWith(`${label}.`)) ?? step;
}

/** The stage's unique name: what its step ids begin with. */
function labelOf(stage: ReportStage): string {
  return stage.steps[0]?.id.replace(/\.\d+$/, '') ?? stage.name ?? String(stage.index);
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, Math.min(cell.length, 48))));
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function valueText({value}: ReportVariable): string {
  return value === null ? '-' : value === '' ? '""' : value;
}

function variableLines({report, colors}: Page, stage: ReportStage): readonly string[] {
  const file = basename(report.dockerfile);
  const args = report.args.filter(({stage: of}) => of === labelOf(stage));
  const rows = [
    ...args.map((arg) => ['ARG', arg.name, valueText(arg), originText(arg, file) + (arg.used ? '' : ', not used')]),
    // The PATH that every image has says nothing.
    ...stage.variables
      .filter(({name, origin}) => name !== 'PATH' || origin !== 'base-image')
      .map((env) => ['ENV', env.name, valueText(env), originText(env, file)]),
  ];
  return table(rows).map((row) => `     ${colors.dim(row.slice(0, 3))}${row.slice(3)}`);
}

function configLine({colors}: Page, {workdir, user, exposed, volumes}: ReportStage): string {
  const parts = [
    `workdir ${workdir}`,
    ...(user === '' ? [] : [`user ${user}`]),
    ...(exposed.length === 0 ? [] : [`exposes ${exposed.join(' ')}`]),
    ...(volumes.length === 0 ? [] : [`volumes ${volumes.join(' ')}`]),
  ];
  return colors.dim(`     ${parts.join(' · ')}`);
}

function stageLines(page: Page, stage: ReportStage): readonly string[] {
  const {report, colors} = page;
  const target = labelOf(stage) === report.target ? colors.green(' (target)') : '';
  const platform = stage.platform === report.platform ? '' : ` ${stage.platform}`;
  return [
    '',
    `${colors.bold(`stage ${labelOf(stage)}`)} from ${stage.base}${platform}${target}`,
    ...stepLines(page, stage),
    configLine(page, stage),
    ...variableLines(page, stage),
  ];
}

function estimateLines({report, colors}: Page): readonly string[] {
  if (report.estimate === undefined || report.estimate === null) return [];
  const {seconds, criticalPath, unknown} = report.estimate;
  const path = criticalPath.length === 0 ? '' : `: ${criticalPath.join(' → ')}`;
  const more = unknown.length === 0 ? '' : `, and what ${unknown.join(', ')} will take, which nobody knows yet`;
  return ['', `${colors.bold('expected to take')} ${formatDuration(seconds)}${path}${more}`];
}

/** The plan for people. Ends in a line break. */
export function renderPlan(given: PlanReport, options: RenderOptions = {}): string {
  const report = mapStrings(given, visible);
  const colors = pc.createColors(options.color ?? false);
  const page: Page = {report, colors, width: options.width ?? Infinity};
  const globals = report.args.filter(({stage}) => stage === null);
  const globalRows = globals.map((arg) => [
    ...['ARG', arg.name, valueText(arg)],
    originText(arg, basename(report.dockerfile)) + (arg.used ? '' : ', not used'),
  ]);
  const pruned = report.stages.filter(({reachable}) => !reachable).map(labelOf);
  const lines = [
    `${colors.bold(report.dockerfile)}: target ${colors.bold(report.target)}, ${report.platform}, context ${report.context}`,
    ...(globals.length === 0 ? [] : ['', colors.bold('before the first FROM')]),
    ...table(globalRows).map((row) => `     ${row}`),
    ...report.stages.filter(({reachable}) => reachable).flatMap((stage) => stageLines(page, stage)),
    ...estimateLines(page),
    ...(pruned.length === 0 ? [] : ['', `not needed for ${report.target}: ${pruned.join(', ')}`]),
    ...(report.artifacts.length === 0 ? [] : ['', colors.bold('artifacts')]),
    ...report.artifacts.map(({stage, path}) => `     ${stage}:${path}`),
    ...(report.warnings.length === 0 ? [] : ['', colors.bold(colors.yellow('warnings'))]),
    ...report.warnings.map(
      ({rule, line, message}) =>
        `     ${line > 0 ? `${basename(report.dockerfile)}:${line}: ` : ''}${message} (${rule})`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
