import {copyFileSync, mkdirSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import type {CliRun} from './cli.js';
import {type TreeEntry, writeTree} from './tree.js';

const applets = 'sh cat ls echo id sleep chown chmod mkdir head wc true false ln rm touch';
const people = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n';

/** Builds `t/base`, the smallest image that has a shell, into the workshop's store; `directory` is its context. */
export function buildBusyboxBase(
  cli: (args: readonly string[]) => Promise<CliRun>,
  directory: string,
  more: Readonly<Record<string, TreeEntry>> = {},
): Promise<CliRun> {
  writeTree(directory, {
    Dockerfile: 'FROM scratch\nCOPY . /\n',
    '.dockerignore': 'Dockerfile\n',
    'etc/passwd': people,
    ...more,
  });
  mkdirSync(join(directory, 'bin'));
  copyFileSync('/bin/busybox', join(directory, 'bin/busybox'));
  for (const name of applets.split(' ')) symlinkSync('busybox', join(directory, 'bin', name));
  return cli(['--no-compose', '--driver', 'embedded', '--progress', 'plain', directory, '-t', 't/base']);
}
