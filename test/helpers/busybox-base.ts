import {writeBusybox} from './busybox-tree.js';
import type {CliRun} from './cli.js';
import type {TreeEntry} from './tree.js';

/** Builds `t/base`, the smallest image that has a shell, into the workshop's store; `directory` is its context. */
export function buildBusyboxBase(
  cli: (args: readonly string[]) => Promise<CliRun>,
  directory: string,
  more: Readonly<Record<string, TreeEntry>> = {},
): Promise<CliRun> {
  writeBusybox(directory, more);
  return cli(['--no-compose', '--driver', 'embedded', '--progress', 'plain', directory, '-t', 't/base']);
}
