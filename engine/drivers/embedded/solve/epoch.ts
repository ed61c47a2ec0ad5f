import type {Timestamp} from '../../../base/syscalls.js';
import type {BuildRequest} from '../../driver.js';

/** SOURCE_DATE_EPOCH given as a build argument, in seconds since 1970. */
export function epochOf(request: Pick<BuildRequest, 'buildArgs'>): number | undefined {
  const text = request.buildArgs.get('SOURCE_DATE_EPOCH') ?? '';
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** The same as the time of what a step makes. */
export function timeOf(request: Pick<BuildRequest, 'buildArgs'>): Timestamp | undefined {
  const seconds = epochOf(request);
  return seconds === undefined ? undefined : {seconds, nanoseconds: 0};
}
