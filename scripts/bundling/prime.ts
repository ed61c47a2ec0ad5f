import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';

/**
 * Runs a small build twice. The code that is kept of the command line is that of the second run, where everything is cached: it is
 * loaded whole at each start, and what only a build that runs steps needs is compiled then. Where the engine cannot run, it
 * is that of what it did until then.
 */
export function prime(main: string): void {
  const root = mkdtempSync(join(tmpdir(), 'build-image-prime-'));
  try {
    const context = join(root, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch AS a\nCOPY . /\nFROM scratch\nCOPY --from=a / /\n');
    const args = ['build', context, '--driver', 'embedded', '--root', join(root, 'store'), '--artifacts-dir', root];
    const run = (): void => void spawnSync(process.execPath, [main, ...args], {stdio: 'ignore'});
    run();
    const directory = dirname(main);
    for (const name of readdirSync(directory)) if (name.endsWith('.cache')) rmSync(join(directory, name));
    run();
  } finally {
    rmSync(root, {recursive: true, force: true});
  }
}
