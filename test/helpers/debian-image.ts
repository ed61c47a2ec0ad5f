import {execFile} from 'node:child_process';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import type {TestDaemon} from './daemon.js';

const run = promisify(execFile);

/** Name of the image that the samples start from. */
export const debianImage = 'debian:bookworm';

/**
 * Sees to it that the daemon has `debian:bookworm`, made from Debian packages where it does not. Test files run side by
 * side, so that one makes it and the others wait.
 */
export async function ensureDebianImage({socket}: TestDaemon): Promise<void> {
  const args = ['dist/engine/cli/main.js', 'base', debianImage, '--if-missing', '--driver', 'docker'];
  await run('flock', [join(tmpdir(), 'build-image-test-base.lock'), process.execPath, ...args], {
    env: {...process.env, DOCKER_HOST: `unix://${socket}`},
    maxBuffer: 1e8,
  });
}
