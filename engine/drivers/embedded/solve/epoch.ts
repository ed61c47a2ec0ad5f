import {BuildError, quote} from '../../../base/errors.js';
import type {Timestamp} from '../../../base/syscalls.js';
import type {BuildRequest} from '../../driver.js';

/** SOURCE_DATE_EPOCH given as a build argument, in seconds since 1970; undefined where it is none. */
export function epochOf(request: Pick<BuildRequest, 'buildArgs'>): number | undefined {
  const text = request.buildArgs.get('SOURCE_DATE_EPOCH') ?? '';
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** Throws USAGE for a SOURCE_DATE_EPOCH that is no number, as BuildKit refuses it; an empty one is none. */
export function checkEpoch(request: Pick<BuildRequest, 'buildArgs'>): void {
  const text = request.buildArgs.get('SOURCE_DATE_EPOCH') ?? '';
  if (text === '' || /^[-+]?\d+$/.test(text)) return;
  throw new BuildError('USAGE', `SOURCE_DATE_EPOCH is no number of seconds: ${quote(text)}`, {
    remedy: 'Give the seconds since 1970, such as those of git log -1 --format=%ct.',
  });
}

/** The same as the time of what a step makes. */
export function timeOf(request: Pick<BuildRequest, 'buildArgs'>): Timestamp | undefined {
  const seconds = epochOf(request);
  return seconds === undefined ? undefined : {seconds, nanoseconds: 0};
}
