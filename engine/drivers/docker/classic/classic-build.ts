import {BuildError} from '../../../base/errors.js';
import type {DaemonBuild} from '../driver.js';

/** Builds with the builder of before BuildKit. */
export function buildClassic(): Promise<DaemonBuild> {
  return Promise.reject(new BuildError('UNSUPPORTED', 'the daemon has no BuildKit'));
}
