import type {Tree} from '../case.js';
import type {Dice} from './dice.js';

/** `old`: what the frontend inside Debian's dockerd knows and does alike; `current`: what is published. */
export type Syntax = 'old' | 'current';

/** What an instruction is made for. */
export interface Scene {
  readonly dice: Dice;
  readonly syntax: Syntax;
  readonly context: Tree;
  /** Whether it may be what a builder refuses. Most cases are not: what fails shows little. */
  readonly bold: boolean;
  /** What --from and from= may name: stages that have files, images, further contexts. */
  readonly sources: readonly string[];
  /** Names this case's caches. */
  readonly id: string;
  /** The ids of the secrets that are given. */
  readonly secrets: readonly string[];
}

/** The names that ARG, ENV and --build-arg share, so that they meet. */
export const variables: readonly string[] = ['V', 'A', 'B', 'M', 'N', 'V_1'];

/** Paths that a stage may have, those of its base image before all. */
export const places: readonly string[] = [
  '/srv/data',
  '/srv/data/a',
  '/srv/data/deep',
  '/srv/link',
  '/srv/hard1',
  '/srv/empty',
  '/etc/app',
  '/etc/app/one.conf',
  '/home/alice',
  '/srv/setuid',
  '/tmp',
  '/x',
  '/x/d',
  '/new/deep/dir',
  '/out',
  '/w',
];

/** So many of them are there before any step. */
const ofBase = 11;

/** One that is there, as far as a base image says; now and then any. */
export const likelyPlace = ({dice, bold}: Scene): string =>
  dice.pick(dice.oneIn(bold ? 4 : 60) ? places : places.slice(0, ofBase));
