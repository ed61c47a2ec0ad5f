import {execFile} from 'node:child_process';
import {existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';

export const bundledMain = resolve('dist/bundle/cli/main.js');

export interface BundledRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The program that builds was not loaded. */
  readonly replayed: boolean;
}

/** Says at the end of a run whether the program was loaded. */
const watcher = `
process.on('exit', () => {
  const loaded = Object.keys(require.cache).some((file) => file.endsWith('cli/program.js'));
  if (loaded) require('fs').writeFileSync(process.env.BUNDLED_RUN_LOADED, '');
});`;

/** The bundled command line, run in `directory`; the store is \`store\` below it. One at a time for each directory's `name`. */
export function bundledCli(
  directory: string,
): (args: readonly string[], env?: Readonly<Record<string, string>>, name?: string) => Promise<BundledRun> {
  mkdirSync(directory, {recursive: true});
  const hook = join(directory, 'watcher.cjs');
  writeFileSync(hook, watcher);
  return (args, env = {}, name = 'loaded') => {
    const loaded = join(directory, name);
    rmSync(loaded, {force: true});
    const options = {
      cwd: directory,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: directory,
        BUILD_IMAGE_ROOT: join(directory, 'store'),
        BUNDLED_RUN_LOADED: loaded,
        ...env,
      },
    };
    return new Promise((done) => {
      execFile(process.execPath, ['--require', hook, bundledMain, ...args], options, (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        done({status, stdout, stderr, replayed: !existsSync(loaded)});
      });
    });
  };
}
