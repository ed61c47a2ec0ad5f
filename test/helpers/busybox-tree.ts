import {copyFileSync, mkdirSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {type TreeEntry, writeTree} from './tree.js';

const applets = 'sh cat ls echo id sleep chown chmod mkdir head wc true false ln rm touch';
const people = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n';

/** The smallest image that has a shell, as a directory to build; `more` goes with it. */
export function writeBusybox(directory: string, more: Readonly<Record<string, TreeEntry>> = {}): void {
  writeTree(directory, {
    Dockerfile: 'FROM scratch\nCOPY . /\n',
    '.dockerignore': 'Dockerfile\n',
    'etc/passwd': people,
    ...more,
  });
  mkdirSync(join(directory, 'bin'));
  copyFileSync('/bin/busybox', join(directory, 'bin/busybox'));
  for (const name of applets.split(' ')) symlinkSync('busybox', join(directory, 'bin', name));
}
