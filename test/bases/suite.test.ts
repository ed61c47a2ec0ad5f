import test from 'ava';
import {debianBaseOf} from '../../engine/bases/suite.js';

const names = test.macro({
  exec(t, reference: string, suite: string, slim: boolean) {
    t.deepEqual(debianBaseOf(reference), {suite, slim});
  },
  title: (_, reference: string, suite: string, slim: boolean) => `${reference} is ${suite}${slim ? ', slim' : ''}`,
});
test(names, 'debian:bookworm', 'bookworm', false);
test(names, 'debian:12-slim', 'bookworm', true);
test(names, 'debian:sid', 'sid', false);
test(names, 'debian', 'stable', false);
test(names, 'debian:latest', 'stable', false);
test(names, 'localhost:5000/library/debian:trixie', 'trixie', false);

const refuses = test.macro({
  exec(t, reference: string) {
    t.throws(() => debianBaseOf(reference), {code: 'UNSUPPORTED'});
  },
  title: (_, reference: string) => `${JSON.stringify(reference)} cannot be made from Debian packages`,
});
for (const reference of [
  '',
  'alpine:3',
  'mydebian:12',
  'debian:',
  'debian:12.5',
  'debian:bookworm-20240101',
  'debian@sha256:00',
  'debian:../x',
  'debian:--help',
]) {
  test(refuses, reference);
}
