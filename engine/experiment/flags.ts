import * as v from 'valibot';
import {BuildError} from '../base/errors.js';
import type {Definition, Where} from './definition.js';
import {definitionOf} from './definition-of.js';
import {parseAxisKey} from './axis-key.js';
import {fileSchema} from './file-schema.js';
import {type Axis, shortLabel} from './variant.js';

/** `--matrix KEY=VALUE,…`, split by the caller. */
export interface MatrixFlag {
  readonly key: string;
  readonly values: readonly string[];
}

/** `--expect KEY=VALUE`: `max-size=200m`, `must-contain=package:portal`, `exit=1`. */
export interface ExpectFlag {
  readonly key: string;
  readonly value: string;
}

/** Axes out of flags. Throws CONFIG_INVALID. */
export function axesOfFlags(flags: readonly MatrixFlag[]): readonly Axis[] {
  return flags.map(({key, values}) => {
    const unique = [...new Set(values)];
    if (unique.length === 0) throw new BuildError('CONFIG_INVALID', `--matrix ${key} has no values`);
    return {...parseAxisKey(key), values: unique.map((value) => ({value, label: shortLabel(value)}))};
  });
}

/** What flags add to the experiment of a file; an axis of the flags takes the place of the file's. */
export function withFlags(definition: Definition, axes: readonly Axis[], expects: readonly ExpectFlag[]): Definition {
  const own = (axis: Axis): boolean => axes.some(({kind, name}) => kind === axis.kind && name === axis.name);
  return {
    ...definition,
    axes: [...definition.axes.filter((axis) => !own(axis)), ...axes],
    rules: [...definition.rules, ...rulesOfFlags(expects)],
  };
}

/** An experiment without a file. Throws CONFIG_INVALID. */
export function definitionOfFlags(
  name: string,
  axes: readonly Axis[],
  expects: readonly ExpectFlag[],
  baseline: string | undefined,
): Definition {
  const where: Where = (_, message, remedy) =>
    new BuildError('CONFIG_INVALID', message, remedy === undefined ? {} : {remedy});
  const rules = rulesOfFlags(expects);
  return {
    name,
    axes,
    include: [],
    exclude: [],
    baseline,
    rules,
    timeout: undefined,
    jobs: undefined,
    failFast: false,
    where,
  };
}

function rulesOfFlags(expects: readonly ExpectFlag[]): Definition['rules'] {
  return expects.flatMap(({key, value}) => {
    const contains = key === 'must-contain' || key === 'must-not-contain';
    const [kind = '', ...rest] = value.split(':');
    const given = contains ? [{[kind]: rest.join(':')}] : value;
    const file = {matrix: {target: [{value: 'x'}]}, expect: [{[key]: given}]};
    const checked = v.safeParse(fileSchema, file);
    const fail = (message: string): BuildError =>
      new BuildError('USAGE', `--expect ${key}=${value}: ${message}`, {
        remedy:
          'Such as max-size=200m, max-time=10m, must-contain=package:portal, must-not-contain=file:/etc/x, exit=1.',
      });
    if (!checked.success)
      throw fail(checked.issues[0].message.replace(/^Invalid key.*/, 'there is no such expectation'));
    return definitionOf(checked.output, '', (_, message) => fail(message)).rules;
  });
}
