import {BuildError, quote} from '../../../base/errors.js';
import {didYouMean} from '../../../base/nearest.js';
import type {Rlimit} from './spec.js';

const names = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
];

/** The hard limit of open files in `/proc/self/limits`; Infinity where there is none. */
export function openFilesLimit(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1] ?? 'unlimited';
  return hard === 'unlimited' ? Infinity : Number(hard);
}

/**
 * `--ulimit` values (`nofile=1024:2048`, `core=-1`) as the container's limits. Open files are always set: Node raises its own
 * soft limit to the hard one, and programs that close every possible descriptor take minutes if they inherit that.
 */
export function rlimitsOf(ulimits: readonly string[], ownHard: number): readonly Rlimit[] {
  const hard = Math.min(ownHard, 1_048_576);
  const limits = new Map<string, Rlimit>([['nofile', {type: 'RLIMIT_NOFILE', soft: Math.min(1024, hard), hard}]]);
  for (const text of ulimits) {
    const [, name = '', soft = '', more] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
    if (!names.includes(name)) {
      throw new BuildError('USAGE', `not a limit: ${quote(text)}${didYouMean(text.split('=')[0] ?? '', names)}`, {
        remedy: 'Write it as NAME=SOFT[:HARD], for example nofile=1024:4096.',
      });
    }
    const number = (digits: string) => (digits.startsWith('-') ? Infinity : Number(digits));
    const limit = {type: `RLIMIT_${name.toUpperCase()}`, soft: number(soft), hard: number(more ?? soft)};
    if (limit.soft > limit.hard) {
      throw new BuildError('USAGE', `the soft limit is above the hard one: ${quote(text)}`, {
        remedy: 'Give the larger number second.',
      });
    }
    limits.set(name, limit);
  }
  return [...limits.values()];
}
