import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/**
 * Runs a small build twice, so that the compiled code which is kept is that of builds, run and cached. Where the engine
 * cannot run, it is that of what it did until then.
 */
export function prime(main: string): void {
  const root = mkdtempSync(join(tmpdir(), 'build-image-prime-'));
  try {
    const context = join(root, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch AS a\nCOPY . /\nFROM scratch\nCOPY --from=a / /\n');
    const args = ['build', context, '--driver', 'embedded', '--root', join(root, 'store'), '--artifacts-dir', root];
    spawnSync(process.execPath, [main, ...args], {stdio: 'ignore'});
    spawnSync(process.execPath, [main, ...args], {stdio: 'ignore'});
  } finally {
    rmSync(root, {recursive: true, force: true});
  }
}
