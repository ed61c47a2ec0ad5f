import {execFileSync} from 'node:child_process';
import {join} from 'node:path';
import {writeTree} from '../helpers/tree.js';

export const portalControl = `Package: portal
Version: 1:1.0-2
Architecture: amd64
Maintainer: Portal Team <portal@example.org>
Installed-Size: 12
Depends: python3 (>= 3.11),
 adduser,
 python3-flask
Description: small web service
 It lists users.
 .
 And adds them.
`;

/** A package made by dpkg-deb itself; returns its path. */
export function makeDeb(
  directory: string,
  name: string,
  compression = 'gzip',
  control = portalControl,
  files: Readonly<Record<string, string>> = {'usr/share/portal/hello.txt': 'hello\n'},
): string {
  const tree = join(directory, `${name}.tree`);
  writeTree(tree, {'DEBIAN/control': control, ...files});
  const path = join(directory, name);
  execFileSync('dpkg-deb', ['--root-owner-group', '--nocheck', `-Z${compression}`, '-b', tree, path], {stdio: 'pipe'});
  return path;
}
