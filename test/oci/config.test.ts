import test from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import {parseImageConfig} from '../../engine/oci/parse-config.js';

const base = {architecture: 'amd64', os: 'linux', rootfs: {type: 'layers', diff_ids: [digestOf('layer')]}};
const parse = (value: unknown) => parseImageConfig(Buffer.from(JSON.stringify(value)));

test('a configuration keeps what the specification and Docker name, and nothing else', (t) => {
  const config = {
    User: 'www',
    ExposedPorts: {'80/tcp': {}},
    Env: ['PATH=/bin', 'A=ü'],
    Entrypoint: ['/e'],
    Cmd: ['c'],
    Volumes: {'/data': {}},
    WorkingDir: '/srv',
    Labels: {a: 'b'},
    StopSignal: 'SIGINT',
    Healthcheck: {Test: ['CMD', 'x'], Interval: 30_000_000_000, Retries: 3},
    OnBuild: ['RUN x'],
    Shell: ['/bin/bash', '-c'],
  };
  const history = [{created: '2024-01-01T00:00:00Z', created_by: 'x', empty_layer: true, comment: 'c'}];
  const image = {...base, variant: 'v2', created: '2024-01-01T00:00:00Z', author: 'me', config, history};
  t.deepEqual(parse({...image, container_config: {Cmd: ['old']}, docker_version: '1'}) as unknown, image);
});

test('null stands for absent, as the Go decoder has it', (t) => {
  t.deepEqual(parse({...base, config: {Cmd: null, Env: null, Labels: null}, history: null}) as unknown, {
    ...base,
    config: {},
  });
});

const refuses = test.macro({
  exec(t, value: unknown, why: RegExp) {
    t.throws(() => parse(value), {code: 'OCI_INVALID', message: why});
  },
  title: (_, _value: unknown, why: RegExp) => `refuses a configuration: ${why.source}`,
});
test(refuses, {os: 'linux'}, /"rootfs" is missing/);
test(refuses, {...base, rootfs: {type: 'zip', diff_ids: []}}, /not "layers"/);
test(refuses, {...base, rootfs: {type: 'layers', diff_ids: ['x']}}, /diff ID "x"/);
test(refuses, {...base, config: {Env: 'A=b'}}, /"Env" is .* instead of a list/);
test(refuses, {...base, config: {Env: [1]}}, /list of strings/);
test(refuses, {...base, config: {Labels: {a: {}}}}, /Labels\.a/);
test(refuses, {...base, history: [1]}, /history\[0\]/);
test(refuses, {...base, padding: 'x'.repeat(8 * 1024 * 1024)}, /bytes are more than/);
