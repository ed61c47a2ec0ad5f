import {didYouMean} from '../base/nearest.js';
import type {Warning} from '../dockerfile/ast.js';
import type {Globals} from './globals.js';
import type {Stage, StageStep} from './graph.js';
import type {Layout} from './layout.js';
import type {BuildArg} from './options.js';
import {isPredefinedArg} from './platform-args.js';
import type {ResolvedStage} from './resolve-stage.js';
import type {Declaration} from './scope.js';
import {warning} from '../dockerfile/rules.js';

export interface ArgCheckInput {
  readonly layout: Layout;
  readonly globals: Globals;
  readonly resolved: readonly ResolvedStage[];
  readonly buildArgs: ReadonlyMap<string, BuildArg>;
}

/** `UnusedBuildArg` and `ArgInvalidatesEarly`. */
export function argWarnings(input: ArgCheckInput): readonly Warning[] {
  return [...unusedBuildArgs(input), ...input.resolved.flatMap(earlyArgs)];
}

const flagOf: Readonly<Record<BuildArg['origin'], string>> = {
  'build-arg': '--build-arg',
  'build-arg-environment': 'build argument',
  'build-arg-file': '--build-arg-file',
  compose: 'Compose build.args',
  '.env': 'Compose build.args',
};

function unusedBuildArgs({layout, globals, resolved, buildArgs}: ArgCheckInput): readonly Warning[] {
  const all = [...globals.declared, ...resolved.flatMap(({declarations}) => declarations)];
  const envNames = new Map<string, number>();
  for (const {statements} of layout.stages) {
    for (const statement of statements) {
      if (statement.kind !== 'env') continue;
      for (const {key} of statement.pairs) envNames.set(key, statement.instruction.range.start);
    }
  }
  return [...buildArgs].flatMap(([name, {origin}]): readonly Warning[] => {
    if (isPredefinedArg(name)) return [];
    const what = `${flagOf[origin]} ${name}`;
    const declared = all.filter((each) => each.name === name);
    if (declared.length === 0) {
      const line = envNames.get(name);
      const names = [...all.map((each) => each.name), ...unreachedArgs(layout)];
      const hint =
        line === undefined
          ? didYouMean(name, new Set(names))
          : `; line ${line} declares an ENV of that name: use --env`;
      return [warning('UnusedBuildArg', `${what}: no ARG declares it${hint}`)];
    }
    const needed = declared.filter(({stage}) => stage === null || resolved[stage]?.stage.reachable === true);
    if (needed.length === 0) {
      const stages = [...new Set(declared.map(({stage}) => resolved[stage ?? 0]?.stage.label ?? ''))];
      const where = stages.map((label) => `"${label}"`).join(', ');
      return [warning('UnusedBuildArg', `${what}: declared only in stage ${where}, which the target does not need`)];
    }
    if (needed.some(({used}) => used)) return [];
    const lines = [...new Set(needed.map(({line}) => line))].join(', ');
    const message = `${what}: declared in line ${lines}, but no instruction uses it`;
    return [warning('UnusedBuildArg', message, rangeOf(needed))];
  });
}

/** `--env` of an ENV that only stages declare which the target does not need. */
export function uselessOverrides(
  overrides: ReadonlyMap<number, ReadonlyMap<string, string>>,
  stages: readonly Stage[],
): readonly Warning[] {
  const holders = new Map<string, Stage[]>();
  for (const [index, values] of overrides) {
    const stage = stages[index];
    for (const name of stage === undefined ? [] : values.keys()) {
      holders.set(name, [...(holders.get(name) ?? []), ...(stage === undefined ? [] : [stage])]);
    }
  }
  return [...holders].flatMap(([name, declaring]) => {
    if (declaring.some(({reachable}) => reachable)) return [];
    const where = declaring.map(({label}) => `"${label}"`).join(', ');
    return [
      warning('UnusedBuildArg', `--env ${name}: declared only in stage ${where}, which the target does not need`),
    ];
  });
}

function unreachedArgs({stages}: Layout): readonly string[] {
  return stages.flatMap(({statements}) =>
    statements.flatMap((statement) => (statement.kind === 'arg' ? statement.args.map(({name}) => name) : [])),
  );
}

function rangeOf([first]: readonly Declaration[]): {start: number; end: number} | undefined {
  return first === undefined ? undefined : {start: first.line, end: first.line};
}

/** An ARG in scope is in the environment of every RUN, and so in the key of each: a new value runs all of them again. */
function earlyArgs({stage, declarations, firstPosition}: ResolvedStage): readonly Warning[] {
  if (!stage.reachable) return [];
  return declarations.flatMap((declaration): readonly Warning[] => {
    const {name, binding, line, uses} = declaration;
    if (binding.origin === 'platform') return [];
    const declared = declaration.position - firstPosition;
    const firstUse = Math.min(...uses) - firstPosition;
    const user = stage.steps[firstUse];
    if (user === undefined || uses.length === 0) return [];
    const between = stage.steps.slice(declared + 1, firstUse).filter(({operation}) => operation.kind === 'run');
    if (between.length === 0) return [];
    const steps = between.length === 1 ? 'a RUN step' : `${between.length} RUN steps`;
    const message =
      `ARG ${name} is declared before ${steps} that never mention${between.length === 1 ? 's' : ''} it ` +
      `(${linesOf(between)}), and every new value runs ${between.length === 1 ? 'it' : 'them'} again: ` +
      `move it down to just before line ${user.line}`;
    return [warning('ArgInvalidatesEarly', message, {start: line, end: line})];
  });
}

function linesOf(steps: readonly StageStep[]): string {
  const lines = [...new Set(steps.map(({line}) => line))];
  const more = lines.length > 5 ? ', …' : '';
  return `line${lines.length === 1 ? '' : 's'} ${lines.slice(0, 5).join(', ')}${more}`;
}
