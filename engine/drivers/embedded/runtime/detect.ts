import {spawnSync} from 'node:child_process';
import {accessSync, constants} from 'node:fs';
import {join} from 'node:path';
import {BuildError} from '../../../base/errors.js';

export interface OciRuntime {
  readonly kind: 'crun' | 'runc';
  /** Absolute. */
  readonly path: string;
  /** `1.8.1`; `unknown` where the program does not say. */
  readonly version: string;
}

const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** crun, else runc, in the system's directories or `among`. Throws RUNTIME_MISSING. Runs the program once. */
export function detectRuntime(among: readonly string[] = directories): OciRuntime {
  for (const kind of ['crun', 'runc'] as const) {
    for (const directory of among) {
      const path = join(directory, kind);
      if (isProgram(path)) return {kind, path, version: versionOf(path)};
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

function versionOf(path: string): string {
  const {stdout} = spawnSync(path, ['--version'], {encoding: 'utf8', timeout: 5000, maxBuffer: 65_536});
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}
