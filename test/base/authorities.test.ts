import test from 'ava';
import {adoptAuthorities, environmentWithout} from '../../engine/base/authorities.js';

test("a program of ours is started without Node's variable, and what it starts has it again", (t) => {
  const caller = {PATH: '/bin', NODE_EXTRA_CA_CERTS: import.meta.filename};
  const started: Record<string, string | undefined> = {...environmentWithout(caller)};
  t.deepEqual(started, {PATH: '/bin', BUILD_IMAGE_EXTRA_CA_CERTS: import.meta.filename});
  adoptAuthorities(started);
  t.is(started['NODE_EXTRA_CA_CERTS'], caller.NODE_EXTRA_CA_CERTS);
});

test('without that variable nothing is added', (t) => {
  for (const caller of [{PATH: '/bin'}, {PATH: '/bin', NODE_EXTRA_CA_CERTS: ''}]) {
    const started: Record<string, string | undefined> = {...environmentWithout(caller)};
    t.deepEqual(started, caller);
    adoptAuthorities(started);
    t.deepEqual(started, caller);
  }
});
