import type {SourceRange} from '../base/errors.js';
import type {Platform} from '../oci/platform.js';
import type {Layout} from './layout.js';
import type {BuildArg} from './options.js';
import {platformArgs} from './platform-args.js';
import {bind, declareArg, wordsOf, type Declaration, type OnUnset, type Scope} from './scope.js';

export interface Globals {
  /** Names usable in FROM; a stage's ARG without default takes its value from here. */
  readonly scope: Scope;
  /** As `scope.declarations`. */
  readonly declarations: ReadonlyMap<string, Declaration>;
  /** Those that the Dockerfile writes, in order. */
  readonly declared: readonly Declaration[];
}

export function emptyScope(stage: number | null): Scope {
  return {stage, env: new Map(), values: new Map(), args: new Map(), declarations: new Map(), position: 0};
}

/** ARGs before the first FROM, over the platform arguments (Dockerfile reference: "Understand how ARG and FROM interact"). */
export function readGlobals(
  layout: Layout,
  buildArgs: ReadonlyMap<string, BuildArg>,
  platforms: {readonly target: Platform; readonly build: Platform; readonly targetStage: string},
): Globals {
  const scope = emptyScope(null);
  for (const [name, value] of platformArgs(platforms.target, platforms.build, platforms.targetStage)) {
    const given = buildArgs.get(name);
    const binding = {name, value: given?.value ?? value, origin: given?.origin ?? ('platform' as const), line: 0};
    bind(scope, binding);
    scope.declarations.set(name, {
      ...{name, stage: null, binding, line: 0, global: undefined, uses: [], position: 0, used: false},
    });
  }
  const sources = {buildArgs, globals: new Map<string, Declaration>()};
  const declared: Declaration[] = [];
  // BuildKit says nothing of unset names in the defaults of global ARGs.
  const silent: OnUnset = () => undefined;
  for (const {args, instruction} of layout.globals) {
    const range: SourceRange = instruction.range;
    for (const {name, default: fallback} of args) {
      const expand = (): string => wordsOf(layout.dockerfile, scope, range, silent).one(fallback ?? '');
      const arg = {name, line: range.start, fallback: fallback === undefined ? undefined : expand};
      const before = scope.declarations.get(name);
      declareArg(scope, arg, sources);
      const now = scope.declarations.get(name);
      if (now !== undefined && now !== before) declared.push(now);
    }
  }
  return {scope, declarations: scope.declarations, declared};
}
