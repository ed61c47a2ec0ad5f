import * as v from 'valibot';
import {parseBytes, parseMilliseconds} from '../base/amounts.js';

// Every scalar of the file comes as its text; what may be one or a list comes as a list (`plainOf`).
const text = v.string('expected text');
const value = v.strictObject(
  {name: v.optional(text), value: text},
  'expected a value, or a mapping with name and value',
);
const values = v.pipe(
  v.array(value, 'expected a list of values'),
  v.minLength(1, 'a list of values must not be empty'),
);
const mapOf = <T extends v.GenericSchema>(inner: T, what: string) => v.record(text, inner, `expected ${what}`);
const several = {
  arg: v.optional(mapOf(values, 'ARG names with lists of values')),
  env: v.optional(mapOf(values, 'ENV names with lists of values')),
  base: v.optional(mapOf(values, 'image names with lists of images')),
  target: v.optional(values),
  platform: v.optional(values),
};
const single = {
  arg: v.optional(mapOf(text, 'ARG names with values')),
  env: v.optional(mapOf(text, 'ENV names with values')),
  base: v.optional(mapOf(text, 'image names with images')),
  target: v.optional(text),
  platform: v.optional(text),
};
const time = v.pipe(
  text,
  v.check((written) => parseMilliseconds(written) !== undefined, 'expected a time such as 90s or 10m'),
);
const size = v.pipe(
  text,
  v.check((written) => parseBytes(written) !== undefined, 'expected a size such as 200m or 1g'),
);
const items = v.array(
  v.strictObject({package: v.optional(text), file: v.optional(text)}, 'expected package: NAME or file: PATH'),
  'expected package: NAME or file: PATH, or a list of them',
);
const expectation = v.strictObject(
  {
    'max-size': v.optional(size),
    'max-time': v.optional(time),
    'must-contain': v.optional(items),
    'must-not-contain': v.optional(items),
    exit: v.optional(v.pipe(text, v.regex(/^[01]$/, 'expected 0 or 1: what the build exits with'))),
    when: v.optional(v.strictObject(single, 'expected what a variant sets')),
  },
  'expected a mapping such as max-size: 200m',
);

/** The file of an experiment; keys are as they are written there. */
export const fileSchema = v.strictObject(
  {
    name: v.optional(
      v.pipe(text, v.regex(/^[A-Za-z0-9][\w.-]{0,49}$/, 'expected at most 50 letters, digits, ".", "_" and "-"')),
    ),
    matrix: v.optional(v.strictObject(several, 'expected a mapping with arg, env, base, target, platform')),
    include: v.optional(
      v.array(v.strictObject({name: v.optional(text), ...single}, 'expected what the variant sets'), 'expected a list'),
    ),
    exclude: v.optional(v.array(v.strictObject(single, 'expected what a variant sets'), 'expected a list')),
    baseline: v.optional(
      v.strictObject({name: v.optional(text), ...single}, 'expected the name of a variant, or what it sets'),
    ),
    expect: v.optional(v.array(expectation)),
    timeout: v.optional(time),
    jobs: v.optional(v.pipe(text, v.regex(/^[1-9]\d{0,3}$/, 'expected a whole number of at least 1'))),
    'fail-fast': v.optional(v.picklist(['true', 'false'], 'expected true or false')),
  },
  'expected a mapping with matrix, include, expect, …',
);

export type ExperimentFile = v.InferOutput<typeof fileSchema>;
