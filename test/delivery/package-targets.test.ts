import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {packageTargetsOf, packageUrl} from '../../engine/delivery/package-targets.js';

const file = {path: 'artifacts/portal_1.0+git~1_all.deb', name: 'portal', version: '1:1.0+git~1', architecture: 'all'};
const target = (url: string, more: Readonly<Record<string, string>> = {}) => {
  const environment = new Map(Object.entries({APT_DEB_REPO: url, APT_DISTRIBUTION: 'bookworm', ...more}));
  const [first] = packageTargetsOf(environment, []);
  if (first === undefined) throw new Error('no target');
  return first;
};

const deb = 'portal_1.0%2Bgit~1_all.deb';
const rows: readonly (readonly [string, string, 'PUT' | 'POST', string])[] = [
  ['a directory', 'https://apt.example/incoming/', 'PUT', `https://apt.example/incoming/${deb}`],
  [
    'a template',
    'https://apt.example/{distribution}/{component}/{letter}/{name}/{version}/{architecture}/{file}',
    'PUT',
    `https://apt.example/bookworm/main/p/portal/1%3A1.0%2Bgit~1/all/${deb}`,
  ],
  [
    'Artifactory',
    'https://team.jfrog.io/artifactory/debian-local',
    'PUT',
    `https://team.jfrog.io/artifactory/debian-local/pool/${deb};deb.distribution=bookworm;deb.component=main;deb.architecture=all`,
  ],
  [
    'Gitea',
    'https://git.example/api/packages/team/debian',
    'PUT',
    'https://git.example/api/packages/team/debian/pool/bookworm/main/upload',
  ],
  [
    "GitLab's Debian registry",
    'https://gitlab.example/api/v4/projects/7/packages/debian',
    'PUT',
    `https://gitlab.example/api/v4/projects/7/packages/debian/${deb}?distribution=bookworm&component=main`,
  ],
  [
    "GitLab's generic registry",
    'https://gitlab.example/api/v4/projects/7/packages/generic',
    'PUT',
    `https://gitlab.example/api/v4/projects/7/packages/generic/portal/1%3A1.0%2Bgit~1/${deb}`,
  ],
  ['Nexus', 'https://nexus.example/repository/apt-hosted/', 'POST', 'https://nexus.example/repository/apt-hosted/'],
];
for (const [what, url, method, expected] of rows) {
  test(`where a package goes in ${what}`, (t) => {
    const found = target(url);
    t.is(found.kind, 'upload');
    if (found.kind === 'upload') t.is(found.method, method);
    t.is(packageUrl(found, file), expected);
  });
}

const aptly: readonly (readonly [string, string])[] = [
  ['http://localhost:8080/api/repos/portal', 'http://localhost:8080/api/repos/portal'],
  ['http://localhost:8080/api/repos/portal/packages', 'http://localhost:8080/api/repos/portal'],
  ['aptly+http://localhost:8080/portal', 'http://localhost:8080/api/repos/portal'],
  ['aptly+https://apt.example/api/repos/portal', 'https://apt.example/api/repos/portal'],
  ['http://localhost:8080/api', 'http://localhost:8080/api/repos/other'],
];
for (const [url, expected] of aptly) {
  test(`${url} is aptly`, (t) => {
    const found = target(url, {APT_DEB_NAME: 'other'});
    t.is(found.kind, 'aptly');
    t.is(found.distribution, 'bookworm');
    t.is(packageUrl(found, file), expected);
  });
}

test('credentials of packages are those of their own name, else of the registry of that name', (t) => {
  const shared = target('https://apt.example', {APT_USERNAME: 'u', APT_API_KEY: 'k'});
  t.deepEqual(shared.credentials, {username: 'u', password: 'k'});
  const own = target('https://apt.example', {
    APT_USERNAME: 'u',
    APT_API_KEY: 'k',
    APT_DEB_USERNAME: 'v',
    APT_DEB_API_KEY: 'l',
  });
  t.deepEqual(own.credentials, {username: 'v', password: 'l'});
});

test('a password in the URL is a credential and in no address that is shown', (t) => {
  const found = target('https://user:pass%2Fword@apt.example/debian');
  t.deepEqual(found.credentials, {username: 'user', password: 'pass/word'});
  t.is(packageUrl(found, file), `https://apt.example/debian/${deb}`);
});

for (const url of ['ftp://user:secret@apt.example', 'https://', 'apt.example/x', 'https://apt.example/{nmae}/{file}']) {
  test(`${url.replace('secret', '…')} is refused as a package repository`, (t) => {
    const error = t.throws(() => target(url), {instanceOf: BuildError, code: 'CONFIG_INVALID'});
    t.regex(error.message, /^APT_DEB_REPO/);
    t.notRegex(error.message, /secret/);
  });
}
