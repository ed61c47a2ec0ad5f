import {createHash} from 'node:crypto';

export const axisKinds = ['arg', 'env', 'base', 'target', 'platform'] as const;
export type AxisKind = (typeof axisKinds)[number];

/** What a variant sets over the settings that all have. */
export interface Overrides {
  readonly arg: Readonly<Record<string, string>>;
  /** By NAME or STAGE:NAME. */
  readonly env: Readonly<Record<string, string>>;
  /** Image reference or path by what FROM or COPY --from names. */
  readonly base: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platform?: string;
}

export interface Variant {
  /** Unique in the experiment: `VERSION=1 PORT=8008`. */
  readonly name: string;
  /** Unique too, and fit for a tag and a file name. */
  readonly slug: string;
  readonly overrides: Overrides;
  /** Short text of each axis' value, by the axis' title. */
  readonly labels: Readonly<Record<string, string>>;
}

/** One dimension of the matrix. */
export interface Axis {
  readonly kind: AxisKind;
  /** Of the ARG, the ENV (`STAGE:NAME` too) or the base; empty for target and platform. */
  readonly name: string;
  readonly values: readonly AxisValue[];
}

export interface AxisValue {
  readonly value: string;
  /** What tables show. */
  readonly label: string;
}

export const noOverrides: Overrides = {arg: {}, env: {}, base: {}};

/** As a column is headed: the ARG's or ENV's name, `target`, `platform`. */
export const axisTitle = ({kind, name}: Pick<Axis, 'kind' | 'name'>): string => (name === '' ? kind : name);

export function withOverride(
  overrides: Overrides,
  {kind, name}: Pick<Axis, 'kind' | 'name'>,
  value: string,
): Overrides {
  if (kind === 'target' || kind === 'platform') return {...overrides, [kind]: value};
  return {...overrides, [kind]: {...overrides[kind], [name]: value}};
}

/** What the overrides say of an axis; undefined: nothing. */
export function overrideOf(overrides: Overrides, {kind, name}: Pick<Axis, 'kind' | 'name'>): string | undefined {
  return kind === 'target' || kind === 'platform' ? overrides[kind] : overrides[kind][name];
}

/** The axes that the overrides are about. */
export function axesOf(overrides: Overrides): readonly (Pick<Axis, 'kind' | 'name'> & {readonly value: string})[] {
  return axisKinds.flatMap((kind) => {
    const given = overrides[kind];
    if (given === undefined) return [];
    if (typeof given === 'string') return [{kind, name: '', value: given}];
    return Object.entries(given).map(([name, value]) => ({kind, name, value}));
  });
}

const longestSlug = 60;

/** Lower-case letters, digits and single dashes; a long or odd name gets a digest of itself. */
export function slugOf(name: string): string {
  const plain = plainSlug(name);
  const faithful = plain.length <= longestSlug && plain !== '' && /^[A-Za-z0-9.= -]*$/.test(name);
  return faithful ? plain : distinctSlug(name);
}

/** The same, always with the digest: two names never share it. */
export function distinctSlug(name: string): string {
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const start = plainSlug(name)
    .slice(0, longestSlug - 9)
    .replace(/[-.]+$/, '');
  return start === '' ? digest : `${start}-${digest}`;
}

const plainSlug = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');

/** A value on one line, short enough for a table. */
export function shortLabel(value: string): string {
  const line = value.replace(/\s+/g, ' ').trim();
  return line === '' ? '""' : line.length <= 32 ? line : `${line.slice(0, 31)}…`;
}
