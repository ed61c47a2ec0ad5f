import {BuildError, type SourceRange} from '../base/errors.js';
import type {ContainerConfig, ImageConfig} from '../oci/config.js';
import {normalReference} from '../oci/reference.js';
import {nearest} from '../base/nearest.js';
import type {Warning} from '../dockerfile/ast.js';
import {formatPlatform, type Platform} from '../oci/platform.js';
import {parseHeredocWord} from '../dockerfile/heredoc.js';
import {emptyScope} from './globals.js';
import {runCreatedBy} from './created-by.js';
import type {Binding, Operation, Stage, StageBase, StageStep} from './graph.js';
import {defaultPath, splitPair, withEnv, without} from './image-config.js';
import type {Layout, StageText} from './layout.js';
import {readStatement} from './read-statement.js';
import {bind, setEnv, type ArgSources, type Declaration, type Scope} from './scope.js';
import {resolveSource, type NameTable} from './sources.js';
import type {FromLine} from './stage-base.js';
import type {Read, Reader, StageState} from './state.js';
import {workdirOf} from './state.js';
import {progressPrefix, progressText, shown} from './step-text.js';
import type {StageStatement} from './triggers.js';
import {warning} from '../dockerfile/rules.js';

/** A stage after reading, with the scope it hands to stages made from it. */
export interface ResolvedStage {
  readonly stage: Stage;
  readonly scope: Scope;
  readonly warnings: readonly Warning[];
  /** Every ARG declared in it. */
  readonly declarations: readonly Declaration[];
  /** Position of its first instruction after FROM, counted over the file. */
  readonly firstPosition: number;
}

export interface StageInput {
  readonly layout: Layout;
  readonly text: StageText;
  readonly from: FromLine;
  readonly platform: Platform;
  readonly statements: readonly StageStatement[];
  readonly baseConfig: ImageConfig | undefined;
  /** The stage it is made from. */
  readonly parent: ResolvedStage | undefined;
  readonly table: NameTable;
  readonly sources: ArgSources;
  readonly overrides: ReadonlyMap<string, string>;
  readonly reachable: boolean;
  readonly needs: readonly number[];
  /** Position of FROM, counted over the file. */
  readonly position: number;
}

function initialState(input: StageInput): StageState {
  const {text, parent, baseConfig} = input;
  const scope = emptyScope(text.index);
  for (const binding of parent?.scope.env.values() ?? []) bind(scope, binding);
  for (const [name, binding] of parent?.scope.args ?? []) scope.args.set(name, binding);
  for (const [name, declaration] of parent?.scope.declarations ?? []) scope.declarations.set(name, declaration);
  scope.position = input.position;
  const blank: ContainerConfig = input.from.base.kind === 'scratch' ? {WorkingDir: '/'} : {};
  // Triggers have run, or will, in this stage; they are not handed on.
  let config = without(parent?.stage.config ?? baseConfig?.config ?? blank, 'OnBuild');
  if (!(config.Env ?? []).some((pair) => splitPair(pair)[0] === 'PATH')) config = withEnv(config, 'PATH', defaultPath);
  // An ARG that stood over an ENV in the parent ends with the parent: the image's own value holds again.
  const env = new Map<string, Binding>();
  for (const pair of config.Env ?? []) {
    const [name, value] = splitPair(pair);
    const binding = parent?.stage.env.get(name) ?? {name, value, origin: 'base-image' as const, line: 0};
    setEnv(scope, binding);
    env.set(name, binding);
  }
  return {scope, env, config, author: parent?.stage.author ?? baseConfig?.author, cmdSet: false};
}

/** What RUN gets; made again only where ENV or ARG changed it. */
function environmentOf(scope: Scope): Pick<StageStep, 'env' | 'args'> {
  return {
    env: [...scope.env.values()],
    args: [...scope.args.values()].map((arg) => scope.env.get(arg.name) ?? arg),
  };
}

const numbered = new Set(['run', 'copy', 'add', 'workdir']);

/** Numbers of the steps as BuildKit counts: triggers of every kind count, but not yet where FROM is named. */
interface Numbering {
  readonly stage: string;
  readonly fromTotal: number;
  readonly total: number;
}

function numberingOf(input: StageInput): Numbering {
  const {layout, text, from, statements} = input;
  const own = statements.filter(({statement, trigger}) => !trigger && numbered.has(statement.kind)).length;
  const fromTotal = own + (from.base.kind === 'image' || from.base.kind === 'context' ? 1 : 0);
  const stage = layout.stages.length === 1 ? '' : (text.name ?? `stage-${text.index}`);
  return {stage, fromTotal, total: fromTotal + statements.filter(({trigger}) => trigger).length};
}

/** A variable that a secret mount fills is `****` in names, whatever else has its name. */
function maskSecrets(values: ReadonlyMap<string, string>, operation: Operation): ReadonlyMap<string, string> {
  const names = operation.kind === 'run' ? operation.mounts.flatMap(({env}) => env ?? []) : [];
  return names.length === 0 ? values : new Map([...values, ...names.map((name) => [name, '****'] as const)]);
}

/** Runs over the instructions of one stage. Throws BuildError at the first wrong one. */
export function resolveStage(input: StageInput): ResolvedStage {
  const {layout, text, from, reachable} = input;
  const {dockerfile} = layout;
  const state = initialState(input);
  const warnings: Warning[] = [];
  const declarations = new Set<Declaration>();
  const numbering = numberingOf(input);
  const replaced = from.base.kind === 'context' && text.name !== undefined && from.base.name === text.name;
  const baseKnown =
    from.base.kind === 'stage'
      ? input.parent?.stage.baseKnown === true
      : from.base.kind === 'scratch' || input.baseConfig !== undefined;
  let index = from.base.kind === 'image' ? 1 : 0;

  const onUnset = (name: string, range: SourceRange): void => {
    // Declared without a value: known, and empty on purpose.
    if (state.scope.args.has(name)) return;
    const near = nearest(name, state.scope.env.keys());
    const hint = near === undefined || near === name ? '' : ` (did you mean $${near}?)`;
    const unless = baseKnown || from.base.kind === 'scratch' ? '' : ', unless the base image sets it';
    warnings.push(warning('UndefinedVar', `Usage of undefined variable '$${name}'${hint}${unless}`, range));
  };
  const reader: Reader = {
    dockerfile,
    state,
    stage: text.index,
    sources: input.sources,
    overrides: input.overrides,
    onUnset,
    source: (reading) => resolveSource(input.table, {...reading, stage: text.index, strict: reachable}),
  };

  const steps: StageStep[] = [];
  let environment: Pick<StageStep, 'env' | 'args'> | undefined;
  const step = ({statement, trigger}: StageStatement, place: number): void => {
    const {instruction} = statement;
    state.scope.position++;
    const {values} = state.scope;
    const read: Read = readStatement(reader, statement);
    if (statement.kind === 'arg') {
      for (const {name} of statement.args) {
        const declaration = state.scope.declarations.get(name);
        if (declaration?.position === state.scope.position) declarations.add(declaration);
      }
    }
    if (statement.kind === 'env' || statement.kind === 'arg') environment = undefined;
    else if (statement.kind === 'run') environment ??= environmentOf(state.scope);
    const makesStep =
      numbered.has(statement.kind) && !(read.operation.kind === 'workdir' && read.operation.path === '/');
    if (makesStep) index++;
    const onlyHeredoc = statement.kind === 'run' && parseHeredocWord(statement.command.argv.join(' ')) !== undefined;
    const name = makesStep
      ? progressPrefix(numbering.stage, index, numbering.total, trigger) +
        progressText(dockerfile, instruction, maskSecrets(values, read.operation), onlyHeredoc)
      : `${numbering.stage === '' ? '' : `[${numbering.stage}] `}${read.text}`;
    const own = statement.kind === 'run' && environment !== undefined ? environment : {env: [], args: []};
    steps.push({
      id: `${text.label}.${place + 1}`,
      statement,
      trigger,
      operation: read.operation,
      line: instruction.range.start,
      range: instruction.range,
      text: read.text,
      name,
      ...own,
      reads: read.reads,
      config: state.config,
      createdBy: read.operation.kind === 'run' ? runCreatedBy(own.args, read.operation.argv) : read.createdBy,
    });
  };
  try {
    if (!replaced) input.statements.forEach(step);
  } catch (error) {
    // BuildKit never looks into a stage that the target does not need.
    if (reachable || !(error instanceof BuildError)) throw error;
  }

  const stage: Stage = {
    index: text.index,
    name: text.name,
    label: text.label,
    base: from.base,
    baseKnown,
    statement: text.from,
    fromId: `${text.label}.0`,
    fromText: fromText(input),
    fromName: fromName(from.base, from.image, numbering),
    platform: input.platform,
    line: text.line,
    reachable,
    steps,
    env: state.env,
    workdir: workdirOf(state.config),
    user: state.config.User ?? '',
    config: state.config,
    author: state.author,
    needs: input.needs,
  };
  return {
    stage,
    scope: state.scope,
    warnings: reachable ? warnings : [],
    declarations: [...declarations],
    firstPosition: input.position + 1,
  };
}

function fromText({text, from}: StageInput): string {
  const platform = from.platform === undefined ? [] : [`--platform=${formatPlatform(from.platform)}`];
  const as = text.name === undefined ? [] : ['AS', text.name];
  return ['FROM', ...platform, shown(from.image), ...as].join(' ');
}

function fromName(base: StageBase, image: string, {stage, fromTotal}: Numbering): string | undefined {
  if (base.kind !== 'image') return undefined;
  return `${progressPrefix(stage, 1, fromTotal, false)}FROM ${normalReference(image) ?? image}`;
}
