import {defaultCapabilities} from '../../engine/drivers/embedded/runtime/capabilities.js';
import {runtimeSpec, type SpecInput} from '../../engine/drivers/embedded/runtime/spec.js';

export const specCases = 'test/fixtures/runtime-spec';

const plain: SpecInput = {
  root: '/store/merged',
  argv: ['/bin/sh', '-c', 'make'],
  env: ['PATH=/usr/bin:/bin', 'HOME=/root'],
  cwd: '/src',
  user: {uid: 0, gid: 0, additionalGids: [0]},
  hostname: 'buildkitsandbox',
  mounts: [{destination: '/etc/hosts', type: 'bind', source: '/bundle/hosts', options: ['rbind', 'ro']}],
  network: 'host',
  capabilities: defaultCapabilities,
  insecure: false,
  rootless: false,
  cgroup: true,
  shmSize: 67_108_864,
  rlimits: [{type: 'RLIMIT_NOFILE', soft: 1024, hard: 1_048_576}],
  seccomp: {kind: 'bpf', program: Uint8Array.of(6, 0, 0, 0, 0, 0, 0xff, 0x7f)},
};

const inputs: Readonly<Record<string, SpecInput>> = {
  default: plain,
  rootless: {...plain, rootless: true, cgroup: false, network: 'none', user: {uid: 7, gid: 8, additionalGids: [8, 50]}},
  insecure: {...plain, insecure: true, capabilities: ['CAP_SYS_ADMIN'], seccomp: undefined},
};

export const specNames = Object.keys(inputs);

export function specGolden(name: string): string {
  return `${JSON.stringify(runtimeSpec(inputs[name] ?? plain), undefined, 2)}\n`;
}

export {plain as plainSpec};
