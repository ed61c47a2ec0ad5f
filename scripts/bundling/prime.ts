import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

const copies = 'FROM scratch AS a\nCOPY . /\nFROM scratch\nCOPY --from=a / /\n';
/** There is no program to run on every machine; a step that fails for that needs what any step needs. */
const runs = 'RUN ["/nothing"]\nRUN ["/nothing"]\n';
/** Milliseconds after which a build trusts the times of its files. */
const settled = 2100;

/**
 * Runs small builds, at whose end the code that V8 compiled is kept. Of the command line it is that of a build that finds everything
 * cached: it is loaded whole at each start, and what only a build that runs steps needs is compiled then. Of what is started
 * before it, it is that of a build that is known; of the executor, that of one that runs all kinds of steps. Where the engine
 * cannot run, it is that of what it did until then.
 */
export async function prime(main: string): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'build-image-prime-'));
  try {
    const context = join(root, 'context');
    mkdirSync(context);
    const args = ['build', context, '--driver', 'embedded', '--root', join(root, 'store'), '--artifacts-dir', root];
    const run = (): void => void spawnSync(process.execPath, [main, ...args], {stdio: 'ignore'});
    const dockerfile = (text: string): void => writeFileSync(join(context, 'Dockerfile'), text);
    dockerfile(copies + runs);
    run();
    dockerfile(copies);
    const written = Date.now();
    run();
    await sleep(written + settled - Date.now());
    forget(dirname(main), '');
    run();
    forget(dirname(main), 'main.');
    run();
  } finally {
    rmSync(root, {recursive: true, force: true});
  }
}

function forget(directory: string, program: string): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith(program) && name.endsWith('.cache')) rmSync(join(directory, name));
  }
}
