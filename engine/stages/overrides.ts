import {BuildError} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {expandWord} from '../dockerfile/expand.js';
import {findStage, type Layout, type StageText} from './layout.js';
import type {EnvOverride} from './options.js';

const none: ReadonlyMap<string, string> = new Map();

/**
 * The name of an ENV as it is written, quotes gone; undefined where a variable computes it, and where it is no word: the
 * stage's own reading refuses that with its position.
 */
export function plainKey(key: string, escape: '\\' | '`'): string | undefined {
  if (key.includes('$')) return undefined;
  try {
    return expandWord(key, none, {escape});
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

function declaredIn(stage: StageText, escape: '\\' | '`'): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of stage.statements) {
    if (statement.kind !== 'env') continue;
    for (const {key} of statement.pairs) {
      const name = plainKey(key, escape);
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

/**
 * `--env` values by stage index. Throws BuildError BUILD_ARG_INVALID for a stage that is not there, and for a name that no
 * ENV (of that stage) declares, with the nearest one: a misspelt override must not pass in silence.
 */
export function envOverridesOf(
  layout: Layout,
  overrides: readonly EnvOverride[],
): ReadonlyMap<number, ReadonlyMap<string, string>> {
  const {dockerfile, stages} = layout;
  const {escape} = dockerfile.directives;
  const declared = stages.map((stage) => declaredIn(stage, escape));
  const result = new Map<number, Map<string, string>>();
  for (const {stage: wanted, name, value} of overrides) {
    checkValue(name, value);
    const within = wanted === undefined ? stages : [stageNamed(layout, wanted)];
    const holders = within.filter(({index}) => declared[index]?.has(name) === true);
    if (holders.length === 0) throw undeclared(layout, {stage: wanted, name, value}, declared);
    for (const {index} of holders) {
      const values = result.get(index) ?? new Map<string, string>();
      // `--env K=a --env builder:K=b`: the one that names the stage holds there, whatever the order.
      if (wanted === undefined && values.has(name) && isNamed(overrides, layout, index, name)) continue;
      values.set(name, value);
      result.set(index, values);
    }
  }
  return result;
}

function isNamed(overrides: readonly EnvOverride[], {stages}: Layout, index: number, name: string): boolean {
  return overrides.some(
    (other) => other.name === name && other.stage !== undefined && findStage(stages, other.stage)?.index === index,
  );
}

function checkValue(name: string, value: string): void {
  const bad = /[\n\r\0]/.exec(value);
  if (bad === null) return;
  throw new BuildError(
    'BUILD_ARG_INVALID',
    `--env ${name}: the value holds a ${bad[0] === '\0' ? 'NUL' : 'line break'}`,
    {
      remedy: 'An ENV is one line of the Dockerfile; put such a value into a file, or use --build-arg.',
    },
  );
}

function stageNamed({stages}: Layout, wanted: string): StageText {
  const found = findStage(stages, wanted);
  if (found !== undefined) return found;
  const names = stages.flatMap(({name}) => name ?? []);
  throw new BuildError('BUILD_ARG_INVALID', `--env names no stage "${wanted}"${didYouMean(wanted, names)}`, {
    remedy: names.length > 0 ? `The stages are ${names.join(', ')}.` : `Use an index from 0 to ${stages.length - 1}.`,
  });
}

function undeclared(
  {stages}: Layout,
  {stage: wanted, name}: EnvOverride,
  declared: readonly ReadonlySet<string>[],
): BuildError {
  const only = wanted === undefined ? undefined : findStage(stages, wanted);
  const candidates = only === undefined ? declared.flatMap((names) => [...names]) : [...(declared[only.index] ?? [])];
  const elsewhere = stages.filter(({index}) => declared[index]?.has(name) === true);
  const where = only === undefined ? 'no ENV of the Dockerfile' : `no ENV of stage "${only.label}"`;
  const remedy =
    elsewhere.length > 0
      ? `It is declared in stage ${elsewhere.map(({label}) => `"${label}"`).join(', ')}: write ${elsewhere[0]?.label ?? ''}:${name}=….`
      : candidates.length > 0
        ? `Declared are ${[...new Set(candidates)].sort().join(', ')}. For an ARG use --build-arg.`
        : 'Declare it with ENV, or use --build-arg for an ARG.';
  return new BuildError('BUILD_ARG_INVALID', `--env ${name}: ${where} declares it${didYouMean(name, candidates)}`, {
    remedy,
  });
}
