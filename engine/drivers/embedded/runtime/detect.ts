import {accessSync, constants} from 'node:fs';
import {join} from 'node:path';
import {BuildError} from '../../../base/errors.js';

export interface OciRuntime {
  readonly kind: 'crun' | 'runc';
  /** Absolute. */
  readonly path: string;
}

/** Of the system's programs. */
export const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** crun, else runc, in the system's directories or `among`. Throws RUNTIME_MISSING. */
export function detectRuntime(among: readonly string[] = directories): OciRuntime {
  for (const kind of ['crun', 'runc'] as const) {
    for (const directory of among) {
      const path = join(directory, kind);
      if (isProgram(path)) return {kind, path};
    }
  }
  throw new BuildError('RUNTIME_MISSING', 'no OCI runtime to run steps with: neither crun nor runc is installed', {
    remedy: 'Install one: apt-get install crun',
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
