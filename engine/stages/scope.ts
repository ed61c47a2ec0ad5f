import type {SourceRange} from '../base/errors.js';
import type {Dockerfile} from '../dockerfile/ast.js';
import {expand, type Expanded, type ExpandOptions} from '../dockerfile/expand.js';
import {within} from './fail.js';
import type {Binding, Origin} from './graph.js';
import type {BuildArg} from './options.js';
import {frontendArgs} from './platform-args.js';

/** One ARG of one scope, and what made use of it. */
export interface Declaration {
  readonly name: string;
  /** Index of the stage; null: the global scope. */
  readonly stage: number | null;
  readonly binding: Binding;
  readonly line: number;
  /** The global ARG whose value it takes. */
  readonly global: Declaration | undefined;
  /** Steps that mention it, in the order of the Dockerfile; positions as `Scope.position` counts them. */
  readonly uses: number[];
  readonly position: number;
  used: boolean;
}

/** Names in force at one point of the Dockerfile. */
export interface Scope {
  readonly stage: number | null;
  /** ENV and ARG with a value, in the order of their first appearance. */
  readonly env: Map<string, Binding>;
  /** The values of `env`, as word expansion wants them. */
  readonly values: Map<string, string>;
  /** ARGs declared so far, in the order of their first line; a later one of the same name takes the place. */
  readonly args: Map<string, Binding>;
  /** The ARG that a name stands for at this point; absent where an ENV has taken the name. */
  readonly declarations: Map<string, Declaration>;
  /** Counts instructions over the whole Dockerfile. */
  position: number;
}

export function markUsed(scope: Scope, name: string): void {
  for (let found = scope.declarations.get(name); found !== undefined; found = found.global) {
    found.used = true;
    found.uses.push(scope.position);
  }
}

/** Every change of `env` goes through here. */
export function bind(scope: Scope, binding: Binding): void {
  scope.env.set(binding.name, binding);
  if (binding.value !== undefined) scope.values.set(binding.name, binding.value);
}

/** Called for each name that an instruction uses and that has no value. */
export type OnUnset = (name: string, range: SourceRange) => void;

/** What one instruction needs to expand its words. Throws BuildError with file and range. */
export interface Words {
  one(word: string, options?: ExpandOptions): string;
  split(word: string): readonly string[];
  /** Books the names of something that was expanded elsewhere. */
  take(expanded: Expanded): void;
  readonly values: ReadonlyMap<string, string>;
}

/** Expansion with the values in force now: what is to be set by the instruction is set after its words are expanded. */
export function wordsOf(dockerfile: Dockerfile, scope: Scope, range: SourceRange, onUnset: OnUnset): Words {
  const {values} = scope;
  const {escape} = dockerfile.directives;
  const take = (expanded: Expanded): void => {
    for (const name of expanded.used) markUsed(scope, name);
    for (const name of expanded.unset) {
      markUsed(scope, name);
      onUnset(name, range);
    }
  };
  const run = (word: string, options: ExpandOptions): Expanded => {
    const expanded = within(dockerfile, range, () => expand(word, values, {escape, ...options}));
    take(expanded);
    return expanded;
  };
  return {
    one: (word, options = {}) => run(word, options).value,
    split: (word) => run(word, {}).words,
    take,
    values,
  };
}

/** What decides an ARG's value besides its own default. */
export interface ArgSources {
  readonly buildArgs: ReadonlyMap<string, BuildArg>;
  /** Global ARGs and platform arguments; empty while the global scope itself is read. */
  readonly globals: ReadonlyMap<string, Declaration>;
}

/**
 * `ARG name[=default]` (Dockerfile reference: "ARG", "Scope"): the build argument, else the default, else the global
 * ARG's value. `fallback` expands the default, and is called only where it is needed.
 */
export function declareArg(
  scope: Scope,
  arg: {readonly name: string; readonly line: number; readonly fallback: (() => string) | undefined},
  sources: ArgSources,
): Binding {
  const {name, line, fallback} = arg;
  const given = sources.buildArgs.get(name);
  const global = sources.globals.get(name);
  let value: string | undefined;
  let origin: Origin = 'unset';
  let from = line;
  let inherited: Declaration | undefined;
  if (given !== undefined) {
    ({value, origin} = given);
    inherited = global;
  } else if (fallback !== undefined) {
    value = fallback();
    origin = 'default';
  } else if (global !== undefined) {
    inherited = global;
    ({value} = global.binding);
    origin = global.binding.origin === 'default' ? 'global-default' : global.binding.origin;
    if (global.line > 0) from = global.line;
  }
  const binding: Binding = {name, value, origin, line: from};
  const declaration: Declaration = {
    name,
    stage: scope.stage,
    binding,
    line,
    global: inherited,
    uses: [],
    position: scope.position,
    used: false,
  };
  // Declared again with nothing new, the name keeps the value it has: that of an ENV, or of an earlier ARG.
  if (value !== undefined && !frontendArgs.has(name)) bind(scope, binding);
  if (value !== undefined || !scope.env.has(name)) scope.declarations.set(name, declaration);
  scope.args.set(name, scope.env.get(name) ?? binding);
  return binding;
}

/** `ENV name=value`: from here on the name is a variable of the image, not an argument. */
export function setEnv(scope: Scope, binding: Binding): void {
  bind(scope, binding);
  scope.declarations.delete(binding.name);
}
