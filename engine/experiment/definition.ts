import type {BuildError} from '../base/errors.js';
import type {Axis, Overrides} from './variant.js';

/** The error for what is wrong at a path of the definition: `['exclude', '0']`. */
export type Where = (path: readonly string[], message: string, remedy?: string) => BuildError;

/** Something of an image that must or must not be there. */
export type ContentItem = {readonly kind: 'package' | 'file'; readonly name: string};

export type Expectation =
  | {readonly kind: 'max-size'; readonly bytes: number}
  | {readonly kind: 'max-time'; readonly seconds: number}
  | {readonly kind: 'must-contain' | 'must-not-contain'; readonly item: ContentItem}
  /** Of the build: 1 where it is to fail. */
  | {readonly kind: 'exit'; readonly status: 0 | 1};

/** Holds for the variants that have all of `when`. */
export interface Rule {
  /** As the user wrote it: `max-size 200m`. */
  readonly name: string;
  readonly expectation: Expectation;
  readonly when: Overrides;
}

/** A variant beside those of the matrix. */
export interface Included {
  readonly name: string | undefined;
  readonly overrides: Overrides;
}

/** An experiment as it was written, by file or by flags; checked in itself. */
export interface Definition {
  readonly name: string;
  readonly axes: readonly Axis[];
  readonly include: readonly Included[];
  readonly exclude: readonly Overrides[];
  /** A variant by name, or by what it sets; undefined: the first. */
  readonly baseline: string | Overrides | undefined;
  readonly rules: readonly Rule[];
  /** Milliseconds that a variant may take. */
  readonly timeout: number | undefined;
  /** Variants at once. */
  readonly jobs: number | undefined;
  readonly failFast: boolean;
  readonly where: Where;
}
