import {type BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {Definition, Where} from './definition.js';
import {
  type Axis,
  axesOf,
  axisTitle,
  distinctSlug,
  noOverrides,
  overrideOf,
  type Overrides,
  shortLabel,
  slugOf,
  type Variant,
  withOverride,
} from './variant.js';

const mostVariants = 1000;

export interface Expanded {
  readonly variants: readonly Variant[];
  readonly baseline: Variant;
}

/**
 * Every combination of the axes' values but the excluded, then the included, the baseline first. Throws CONFIG_INVALID for
 * an exclude or a baseline that means no variant, for no variant at all, and for more than 1000.
 */
export function expand(definition: Definition): Expanded {
  const {axes, include, exclude, where} = definition;
  const count = axes.reduce((product, {values}) => product * values.length, axes.length === 0 ? 0 : 1);
  if (count + include.length > mostVariants) {
    throw where([], `the experiment has ${count + include.length} variants, more than ${mostVariants}`);
  }
  const found = new Map<string, Variant>();
  const used = new Set<Overrides>();
  const combinations = axes.length === 0 ? [] : combine(axes);
  for (const overrides of combinations) {
    const hit = exclude.find((one) => includes(overrides, one));
    if (hit === undefined) add(found, variantOf(undefined, overrides, axes), ['matrix'], where);
    for (const one of exclude) if (includes(overrides, one)) used.add(one);
  }
  for (const [index, one] of exclude.entries()) {
    if (!used.has(one)) throw matchesNothing(['exclude', String(index)], one, definition);
  }
  for (const [index, {name, overrides}] of include.entries()) {
    add(found, variantOf(name, overrides, axes), ['include', String(index)], where);
  }
  const variants = [...found.values()];
  if (variants.length === 0) throw where([], 'everything is excluded: no variant is left');
  const baseline = baselineOf(definition, variants);
  return {variants: [baseline, ...variants.filter((variant) => variant !== baseline)], baseline};
}

function add(found: Map<string, Variant>, variant: Variant, path: readonly string[], where: Where): void {
  const same = JSON.stringify(variant.overrides);
  for (const known of found.values()) {
    if (known.name === variant.name || JSON.stringify(known.overrides) === same) {
      throw where(path, `the variant ${quote(variant.name)} is there twice`);
    }
  }
  const taken = [...found.values()].some(({slug}) => slug === variant.slug);
  found.set(variant.name, taken ? {...variant, slug: distinctSlug(variant.name)} : variant);
}

function combine(axes: readonly Axis[]): readonly Overrides[] {
  return axes.reduce<readonly Overrides[]>(
    (before, axis) => before.flatMap((one) => axis.values.map(({value}) => withOverride(one, axis, value))),
    [noOverrides],
  );
}

/** Whether a variant sets all that `part` has. */
export function includes(overrides: Overrides, part: Overrides): boolean {
  return axesOf(part).every((one) => overrideOf(overrides, one) === one.value);
}

function variantOf(name: string | undefined, overrides: Overrides, axes: readonly Axis[]): Variant {
  const labels = Object.fromEntries(
    axesOf(overrides).map((one) => {
      const axis = axes.find(({kind, name: own}) => kind === one.kind && own === one.name);
      const label = axis?.values.find(({value}) => value === one.value)?.label;
      return [axisTitle(one), label ?? shortLabel(one.value)];
    }),
  );
  const own =
    name ??
    Object.entries(labels)
      .map(([title, label]) => `${title}=${label}`)
      .join(' ');
  return {name: own === '' ? 'unchanged' : own, slug: slugOf(own === '' ? 'unchanged' : own), overrides, labels};
}

function baselineOf(definition: Definition, variants: readonly Variant[]): Variant {
  const {baseline, where} = definition;
  const [first] = variants;
  if (first === undefined) throw new Error('unreachable: no variants');
  if (baseline === undefined) return first;
  if (typeof baseline === 'string') {
    const found = variants.find(({name, slug}) => name === baseline || slug === baseline);
    if (found !== undefined) return found;
    const names = variants.map(({name}) => name);
    const some = `They are ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}.`;
    throw where(['baseline'], `no variant is called ${quote(baseline)}${didYouMean(baseline, names)}`, some);
  }
  const found = variants.find(({overrides}) => includes(overrides, baseline));
  if (found === undefined) throw matchesNothing(['baseline'], baseline, definition);
  return found;
}

/** Names the axis or the value that is wrong. */
function matchesNothing(path: readonly string[], part: Overrides, {axes, where}: Definition): BuildError {
  for (const one of axesOf(part)) {
    const axis = axes.find(({kind, name}) => kind === one.kind && name === one.name);
    const at = [...path, one.kind, ...(one.name === '' ? [] : [one.name])];
    const title = axisTitle(one);
    if (axis === undefined) {
      const titles = axes.map(axisTitle);
      return where(at, `${title} is no axis${didYouMean(title, titles)}`, `The axes are ${titles.join(', ')}.`);
    }
    const values = axis.values.map(({value}) => value);
    if (!values.includes(one.value)) {
      const message = `${quote(one.value)} is no value of ${title}${didYouMean(one.value, values)}`;
      return where(at, message, `They are ${values.map(shortLabel).join(', ')}.`);
    }
  }
  return where(path, 'it matches no variant');
}
