import {fitsTimer, parseBytes, parseMilliseconds} from '../base/amounts.js';
import type {ContentItem, Definition, Rule, Where} from './definition.js';
import type {ExperimentFile} from './file-schema.js';
import {type Axis, type AxisKind, type AxisValue, type Overrides, shortLabel} from './variant.js';

type FileOverrides = Pick<NonNullable<ExperimentFile['include']>[number], AxisKind>;

/** A file that fits the schema as an experiment. Throws what `where` makes for what the schema cannot tell. */
export function definitionOf(file: ExperimentFile, defaultName: string, where: Where): Definition {
  const {baseline} = file;
  const axes = axesOf(file.matrix ?? {}, where);
  const include = (file.include ?? []).map((entry) => ({name: entry.name, overrides: overridesOf(entry)}));
  if (axes.length === 0 && include.length === 0) {
    throw where([], 'the experiment has neither a matrix nor an include', 'Write matrix: {arg: {VERSION: [1, 2]}}.');
  }
  return {
    name: file.name ?? defaultName,
    axes,
    include,
    exclude: (file.exclude ?? []).map(overridesOf),
    baseline: baseline === undefined ? undefined : (baseline.name ?? overridesOf(baseline)),
    rules: (file.expect ?? []).flatMap((entry, index) => rulesOf(entry, ['expect', String(index)], where)),
    timeout: file.timeout === undefined ? undefined : timeoutOf(file.timeout, where),
    jobs: file.jobs === undefined ? undefined : Number(file.jobs),
    failFast: file['fail-fast'] === 'true',
    where,
  };
}

function timeoutOf(text: string, where: Where): number {
  const milliseconds = parseMilliseconds(text) ?? 0;
  if (fitsTimer(milliseconds)) return milliseconds;
  throw where(['timeout'], `${text} is out of range`, 'A variant may take from 1ms to 24 days.');
}

function overridesOf({arg = {}, env = {}, base = {}, target, platform}: FileOverrides): Overrides {
  return {arg, env, base, ...(target !== undefined && {target}), ...(platform !== undefined && {platform})};
}

type FileValue = {readonly name?: string | undefined; readonly value: string};

function axesOf(matrix: NonNullable<ExperimentFile['matrix']>, where: Where): readonly Axis[] {
  const axes: Axis[] = [];
  for (const kind of ['arg', 'env', 'base'] as const) {
    for (const [name, values] of Object.entries(matrix[kind] ?? {})) {
      axes.push({kind, name, values: axisValues(values, ['matrix', kind, name], where)});
    }
  }
  for (const kind of ['target', 'platform'] as const) {
    const values = matrix[kind];
    if (values !== undefined) axes.push({kind, name: '', values: axisValues(values, ['matrix', kind], where)});
  }
  return axes;
}

function axisValues(values: readonly FileValue[], path: readonly string[], where: Where): readonly AxisValue[] {
  const seen = new Set<string>();
  return values.map(({name, value}, index) => {
    if (seen.has(value)) throw where([...path, String(index)], `the value ${JSON.stringify(value)} stands there twice`);
    seen.add(value);
    return {value, label: name ?? shortLabel(value)};
  });
}

type FileExpectation = NonNullable<ExperimentFile['expect']>[number];

function rulesOf(entry: FileExpectation, path: readonly string[], where: Where): readonly Rule[] {
  const when = overridesOf(entry.when ?? {});
  const rules: Rule[] = [];
  const add = (name: string, expectation: Rule['expectation']): void => void rules.push({name, expectation, when});
  const size = entry['max-size'];
  if (size !== undefined) add(`max-size ${size}`, {kind: 'max-size', bytes: parseBytes(size) ?? Infinity});
  const time = entry['max-time'];
  if (time !== undefined) add(`max-time ${time}`, {kind: 'max-time', seconds: (parseMilliseconds(time) ?? 0) / 1000});
  for (const kind of ['must-contain', 'must-not-contain'] as const) {
    for (const [index, item] of (entry[kind] ?? []).entries()) {
      const found = itemOf(item, [...path, kind, String(index)], where);
      add(`${kind} ${found.kind} ${found.name}`, {kind, item: found});
    }
  }
  if (entry.exit !== undefined) add(`exit ${entry.exit}`, {kind: 'exit', status: entry.exit === '0' ? 0 : 1});
  if (rules.length === 0) throw where(path, 'nothing is expected here', 'Such as max-size: 200m, or exit: 1.');
  return rules;
}

function itemOf(
  item: {readonly package?: string | undefined; readonly file?: string | undefined},
  path: readonly string[],
  where: Where,
): ContentItem {
  if (item.package !== undefined && item.file === undefined) return {kind: 'package', name: item.package};
  if (item.file === undefined || item.package !== undefined) {
    throw where(path, 'expected either package: NAME or file: PATH');
  }
  if (!item.file.startsWith('/')) throw where(path, `${JSON.stringify(item.file)} is no absolute path`);
  return {kind: 'file', name: item.file};
}
