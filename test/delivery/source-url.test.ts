import test from 'ava';
import {sourceUrl} from '../../engine/delivery/source-url.js';

const rows: readonly (readonly [string, string | undefined])[] = [
  ['https://github.com/team/app.git', 'https://github.com/team/app'],
  ['https://user:token@host.example/team/app/', 'https://host.example/team/app'],
  ['http://host.example:3000/team/app.git', 'http://host.example:3000/team/app'],
  ['git@github.com:team/app.git', 'https://github.com/team/app'],
  ['ssh://git@host.example:2222/team/app.git', 'https://host.example/team/app'],
  ['git://host.example/app', 'https://host.example/app'],
  ['/srv/git/app.git', undefined],
  ['../app', undefined],
  ['file:///srv/git/app.git', undefined],
  ['', undefined],
];

for (const [remote, expected] of rows) {
  test(`the address behind the remote ${JSON.stringify(remote)}`, (t) => t.is(sourceUrl(remote), expected));
}
