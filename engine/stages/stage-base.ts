import type {SourceRange} from '../base/errors.js';
import {didYouMean, nearest} from '../base/nearest.js';
import type {Warning} from '../dockerfile/ast.js';
import {expand} from '../dockerfile/expand.js';
import {formatPlatform, parsePlatform, type Platform} from '../oci/platform.js';
import {normalReference} from '../oci/reference.js';
import {failAt, within} from './fail.js';
import type {Globals} from './globals.js';
import type {StageBase} from './graph.js';
import type {Layout, StageText} from './layout.js';
import {markUsed} from './scope.js';
import {contextFor, resolveBase, type NameTable} from './sources.js';
import {warning} from '../dockerfile/rules.js';

export interface FromLine {
  readonly base: StageBase;
  /** The name after expansion, as FROM prints it. */
  readonly image: string;
  readonly platform: Platform | undefined;
  readonly warnings: readonly Warning[];
}

function undefinedArg(name: string, globals: Globals, range: SourceRange): Warning {
  const near = nearest(name, [...globals.scope.env.keys(), ...globals.declarations.keys()]);
  const hint = near === undefined || near === name ? '' : ` (did you mean ${near}?)`;
  return warning('UndefinedArgInFrom', `FROM argument '${name}' is not declared${hint}`, range);
}

/** FROM: the words expanded with global ARGs, the base found. Throws BuildError, naming a variable without value. */
export function readFrom(layout: Layout, stage: StageText, globals: Globals, table: NameTable): FromLine {
  const {dockerfile} = layout;
  const {range, from} = stage;
  const warnings: Warning[] = [];
  const {values} = globals.scope;
  const expanded = (
    word: string,
  ): {readonly value: string; readonly names: ReadonlySet<string>; readonly unset: readonly string[]} => {
    const found = within(dockerfile, range, () => expand(word, values, {escape: dockerfile.directives.escape}));
    for (const name of found.used) markUsed(globals.scope, name);
    for (const name of found.unset) {
      markUsed(globals.scope, name);
      if (!globals.declarations.has(name)) warnings.push(undefinedArg(name, globals, range));
    }
    return {value: found.value, names: found.used, unset: [...found.unset]};
  };

  const image = expanded(from.image);
  if (image.value === '') throw blank(layout, stage, globals, image.unset, [...image.names]);
  let platform: Platform | undefined;
  if (from.platform !== undefined) {
    const written = from.platform;
    const found = expanded(written);
    if (found.value === '') {
      const [name = written] = found.unset;
      throw failAt(dockerfile, range, `FROM --platform is empty: ${name} has no value`, {
        token: written,
        remedy: `Give it one with --build-arg, or a default: ARG ${name}=linux/amd64.`,
      });
    }
    platform = within(dockerfile, range, () => parsePlatform(found.value));
  }
  const context = stage.name === undefined ? undefined : contextFor(table.contexts, stage.name);
  const base: StageBase =
    context === undefined
      ? explained(layout, stage, image.unset, () => resolveBase(table, stage.index, image.value, range))
      : {kind: 'context', name: context};
  return {base, image: image.value, platform, warnings};
}

/** `FROM debian:${VERSION}` with VERSION unset gives `debian:`, which says little: the error names the variable. */
function explained<T>(layout: Layout, stage: StageText, unset: readonly string[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    const [name] = unset;
    if (name === undefined) throw error;
    throw failAt(layout.dockerfile, stage.range, `FROM ${stage.from.image}: ${name} has no value`, {
      token: name,
      remedy: `Declare it before the first FROM with a default, ARG ${name}=…, or give it with --build-arg ${name}=….`,
    });
  }
}

function blank(
  layout: Layout,
  stage: StageText,
  globals: Globals,
  unset: readonly string[],
  used: readonly string[],
): Error {
  const written = stage.from.image;
  const name = unset[0] ?? used[0] ?? written;
  const declared = globals.declarations.has(name);
  const known = [...globals.declarations.keys()];
  const why = unset.length === 0 ? 'is empty' : 'has no value';
  const hint = declared ? '' : didYouMean(name, known);
  // An ARG after the first FROM belongs to its stage: the commonest way to get here.
  const inStage = layout.stages.find(({statements}) =>
    statements.some((each) => each.kind === 'arg' && each.args.some((arg) => arg.name === name)),
  );
  const remedy = declared
    ? `Give it a value with --build-arg ${name}=…, or a default where it is declared.`
    : inStage !== undefined
      ? `ARG ${name} stands inside stage "${inStage.label}"; for FROM it has to stand before the first FROM.`
      : `Declare it before the first FROM: ARG ${name}=….`;
  return failAt(layout.dockerfile, stage.range, `FROM ${written} names no image: ${name} ${why}${hint}`, {
    token: written,
    remedy,
  });
}

/** FROM lines whose image is empty or wrong when no build argument is given (BuildKit: InvalidDefaultArgInFrom). */
export function invalidDefaults(layout: Layout, defaults: Globals, names: ReadonlySet<string>): readonly Warning[] {
  const {values} = defaults.scope;
  return layout.stages.flatMap(({from, range}) => {
    try {
      const {value} = expand(from.image, values, {escape: layout.dockerfile.directives.escape});
      if (names.has(value) || (value !== '' && normalReference(value) !== undefined)) return [];
    } catch {
      return [];
    }
    const message = `Default value for ARG ${from.image} results in empty or invalid base image name`;
    return [warning('InvalidDefaultArgInFrom', message, range)];
  });
}

/** BuildKit: InvalidBaseImagePlatform. */
export function platformWarning(
  reference: string,
  expected: Platform,
  actual: Platform,
  range: SourceRange,
): readonly Warning[] {
  if (expected.os === actual.os && expected.architecture === actual.architecture) return [];
  const message =
    `Base image ${reference} was pulled with platform "${formatPlatform(actual)}", ` +
    `expected "${formatPlatform(expected)}" for current build`;
  return [warning('InvalidBaseImagePlatform', message, range)];
}
