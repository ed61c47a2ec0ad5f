import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {repositoryOf} from '../../engine/oci/reference.js';
import {registriesOf, repositoryAt} from '../../engine/delivery/registries.js';

const places: readonly (readonly [string, string])[] = [
  ['localhost:5000', 'localhost:5000/portal'],
  ['localhost', 'localhost/portal'],
  ['ghcr.io/team', 'ghcr.io/team/portal'],
  ['ghcr.io/team/', 'ghcr.io/team/portal'],
  ['https://ghcr.io/team', 'ghcr.io/team/portal'],
  ['ghcr.io/team/portal', 'ghcr.io/team/portal'],
  ['team', 'docker.io/team/portal'],
  ['team/sub', 'docker.io/team/sub/portal'],
  ['docker.io/team', 'docker.io/team/portal'],
  ['[::1]:5000/a', '[::1]:5000/a/portal'],
  ['portal.example', 'portal.example/portal'],
];
for (const [value, expected] of places) {
  test(`the image goes from ${value} to ${expected}`, (t) => {
    t.is(repositoryOf(repositoryAt('A_REPO', value, 'portal')), expected);
  });
}

for (const value of ['user:secret@ghcr.io/team', 'ghcr.io/Team', 'ghcr.io/team:tag', 'a b', 'ftp://x']) {
  test(`${value.replace('secret', '…')} is refused as a registry, and no password is shown`, (t) => {
    const error = t.throws(() => repositoryAt('A_REPO', value, 'portal'), {
      instanceOf: BuildError,
      code: 'CONFIG_INVALID',
    });
    t.regex(error.message, /^A_REPO/);
    t.notRegex(error.message, /secret/);
  });
}

test('a registry needs place, user and key; a package repository is none', (t) => {
  const environment = new Map([
    ['B_REPO', 'ghcr.io/team'],
    ['B_USERNAME', 'user'],
    ['B_API_KEY', 'key'],
    ['A_REPO', 'localhost:5000'],
    ['A_USERNAME', 'user'],
    ['A_API_KEY', ''],
    ['C_REPO', 'localhost:5001'],
    ['X_DEB_REPO', 'http://localhost:8080/api/repos/x'],
    ['X_DEB_USERNAME', 'user'],
    ['X_DEB_API_KEY', 'key'],
    ['GIT_REPO', 'https://git.example/Some/Thing.git'],
    ['_REPO', 'ghcr.io'],
    ['EMPTY_REPO', ''],
  ]);
  const found = registriesOf(environment, 'portal');
  t.deepEqual(
    found.targets.map(({name, repository, credentials}) => [name, repositoryOf(repository), credentials?.password]),
    [['B', 'ghcr.io/team/portal', 'key']],
  );
  t.deepEqual(
    found.open.map(({name}) => name),
    ['C'],
  );
  t.deepEqual(found.unconfigured, [
    {name: 'A', why: 'A_API_KEY is not set'},
    {name: 'C', why: 'C_USERNAME and C_API_KEY are not set'},
    {name: 'GIT', why: 'GIT_USERNAME and GIT_API_KEY are not set'},
  ]);
});
