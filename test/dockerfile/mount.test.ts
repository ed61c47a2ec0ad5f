import test from 'ava';
import {parseMount, type MountOptions} from '../../engine/dockerfile/mount.js';
import {expandWord} from '../../engine/dockerfile/expand.js';

const bind: MountOptions = {
  type: 'bind',
  target: undefined,
  from: undefined,
  source: '',
  readOnly: true,
  id: undefined,
  sharing: 'shared',
  required: false,
  mode: undefined,
  uid: undefined,
  gid: undefined,
  size: undefined,
  env: undefined,
};

const reads = test.macro({
  exec(t, text: string, expected: Partial<MountOptions>) {
    t.deepEqual(parseMount(text), {...bind, ...expected});
  },
  title: (_, text) => `--mount=${String(text)} is read`,
});
test(reads, 'target=/src', {target: '/src'});
test(reads, 'type=bind,dst=.,src=a,from=build,rw', {target: '.', source: 'a', from: 'build', readOnly: false});
test(reads, 'type=bind,destination=/x,readonly=false', {target: '/x', readOnly: false});
test(reads, 'TYPE=Cache,target=/c,sharing=LOCKED,id=k,mode=0700,uid=1,gid=2', {
  type: 'cache',
  target: '/c',
  sharing: 'locked',
  id: 'k',
  mode: 0o700,
  uid: 1,
  gid: 2,
  readOnly: false,
});
test(reads, 'type=cache,target=/c,ro', {type: 'cache', target: '/c'});
test(reads, 'type=tmpfs,target=/t,size=1.5g', {type: 'tmpfs', target: '/t', size: 1_610_612_736, readOnly: false});
test(reads, 'type=secret,id=aws', {type: 'secret', id: 'aws', target: '/run/secrets/aws'});
test(reads, 'type=secret,target=/a/b', {type: 'secret', id: 'b', target: '/a/b'});
test(reads, 'type=secret,source=x/y', {type: 'secret', id: 'x/y', target: '/run/secrets/y'});
test(reads, 'type=secret,id=k,env=KEY,required', {type: 'secret', id: 'k', env: 'KEY', required: true});
test(reads, 'type=secret,id=k,env=KEY,target=/x', {type: 'secret', id: 'k', env: 'KEY', target: '/x'});
test(reads, 'type=ssh', {type: 'ssh', id: 'default'});
test(reads, 'type=ssh,id=other,required=true,mode=600', {type: 'ssh', id: 'other', required: true, mode: 0o600});
test(reads, 'type=bind,"target=/a,b"', {target: '/a,b'});

const refuses = test.macro({
  exec(t, text: string, message: RegExp) {
    t.throws(() => parseMount(text), {code: 'DOCKERFILE_FLAG', message});
  },
  title: (_, text) => `--mount=${String(text)} is refused`,
});
test(refuses, 'type=bnd', /did you mean "bind"/);
test(refuses, 'type=cache,sharng=locked', /did you mean "sharing"/);
test(refuses, 'type=cache,target', /lacks its value/);
test(refuses, 'type=cache,ro=maybe', /takes true or false/);
test(refuses, 'type=bind,mode=0700', /not for type bind/);
test(refuses, 'type=cache,required', /not for type cache/);
test(refuses, 'type=cache,size=1m', /not for type cache/);
test(refuses, 'type=tmpfs,size=much', /takes a size/);
test(refuses, 'type=cache,mode=8', /octal/);
test(refuses, 'type=cache,uid=-1', /takes a number/);
test(refuses, 'type=cache,uid=4294967296', /takes a number/);
test(refuses, 'sharing=locked', /not for type bind/);
test(refuses, 'type=secret', /needs an id/);
test(refuses, 'type=secret,id=a,src=b', /not both/);
test(refuses, 'type=secret,id=a,from=b', /not for type secret/);
test(refuses, 'from=$X,target=/x', /takes no variables/);
test(refuses, '', /no option ""/);
test(refuses, 'type="bind",target=/x', /quote in the wrong place/);

test('values are expanded one by one, and a comma in a variable makes no option', (t) => {
  const env = new Map([
    ['DIR', '/a,ro=false'],
    ['TYPE', 'cache'],
  ]);
  const mount = parseMount('type=$TYPE,target=$DIR', {expand: (value) => expandWord(value, env)});
  t.is(mount.type, 'cache');
  t.is(mount.target, '/a,ro=false');
});

test('without expansion a value with a variable is not judged', (t) => {
  t.notThrows(() => parseMount('type=$TYPE,sharing=$S,mode=$M,target=/x'));
});
