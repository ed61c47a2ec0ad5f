import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {defaultCapabilities, heldCapabilities} from '../../../engine/drivers/embedded/runtime/capabilities.js';
import {openFilesLimit, rlimitsOf} from '../../../engine/drivers/embedded/runtime/limits.js';
import {encodeSpec} from '../../../engine/drivers/embedded/runtime/spec.js';
import {ociSeccomp} from '../../../engine/drivers/embedded/runtime/seccomp/oci-profile.js';
import {rulesFor} from '../../../engine/drivers/embedded/runtime/seccomp/profile.js';
import {plainSpec, specCases, specGolden, specNames} from '../../helpers/spec-golden.js';

for (const name of specNames) {
  test(`the container configuration "${name}" is as its golden file has it`, (t) => {
    t.is(specGolden(name), readFileSync(join(specCases, `${name}.json`), 'utf8'));
  });
}

test('no limit is written as the largest 64-bit number, and only for numbers', (t) => {
  const text = encodeSpec({
    ...plainSpec,
    env: ['A=0unlimited', 'B=\\u0000unlimited', 'C="unlimited"'],
    rlimits: [{type: 'RLIMIT_CORE', soft: 0, hard: Infinity}],
  });
  t.regex(text, /"type":"RLIMIT_CORE","soft":0,"hard":18446744073709551615/);
  t.deepEqual((JSON.parse(text) as {process: {env: unknown}}).process.env, [
    'A=0unlimited',
    'B=\\u0000unlimited',
    'C="unlimited"',
  ]);
});

test('open files are limited where nothing is said, never above the process of the engine', (t) => {
  t.deepEqual(rlimitsOf([], Infinity), [{type: 'RLIMIT_NOFILE', soft: 1024, hard: 1_048_576}]);
  t.deepEqual(rlimitsOf([], 512), [{type: 'RLIMIT_NOFILE', soft: 512, hard: 512}]);
});

test('limits are taken as docker takes them: one number, two numbers, -1', (t) => {
  t.deepEqual(rlimitsOf(['nofile=10', 'core=-1', 'nproc=5:6'], Infinity), [
    {type: 'RLIMIT_NOFILE', soft: 10, hard: 10},
    {type: 'RLIMIT_CORE', soft: Infinity, hard: Infinity},
    {type: 'RLIMIT_NPROC', soft: 5, hard: 6},
  ]);
});

for (const [text, message] of [
  ['nofiles=1', /not a limit: "nofiles=1" \(did you mean "nofile"\?\)/],
  ['nofile', /not a limit/],
  ['nofile=x', /not a limit/],
  ['nofile=1:2:3', /not a limit/],
  ['nofile=9:2', /above the hard/],
] as const) {
  test(`the limit ${text} is refused`, (t) => {
    t.throws(() => rlimitsOf([text], Infinity), {code: 'USAGE', message});
  });
}

test('the hard limit of open files is read from what the kernel prints', (t) => {
  t.is(
    openFilesLimit('Limit  Soft  Hard\nMax open files            1024                 4096                 files\n'),
    4096,
  );
  t.is(openFilesLimit('Max open files   1024  unlimited  files'), Infinity);
});

test('the capabilities of a process are named from its mask', (t) => {
  t.deepEqual(heldCapabilities('CapBnd:\t0000000000000003\n'), ['CAP_CHOWN', 'CAP_DAC_OVERRIDE']);
  t.deepEqual([...heldCapabilities('CapBnd:\t00000000a80425fb\n')].sort(), [...defaultCapabilities].sort());
  t.is(heldCapabilities('CapBnd:\t000001ffffffffff\n').length, 41);
});

const named = (architecture: 'x64' | 'arm64', capabilities: readonly string[]) =>
  new Set(rulesFor(architecture, capabilities).flatMap((rule) => (rule.errno === undefined ? rule.names : [])));

test('the filter lets through what ordinary programs call, and nothing that reaches the host', (t) => {
  const allowed = named('x64', defaultCapabilities);
  for (const name of ['openat', 'execve', 'clone', 'futex', 'chroot', 'fchmodat2', 'ptrace', 'statx', 'arch_prctl']) {
    t.true(allowed.has(name), name);
  }
  const refused =
    'mount umount2 unshare setns keyctl add_key request_key bpf reboot init_module finit_module kexec_load';
  for (const name of `${refused} open_by_handle_at perf_event_open io_uring_setup swapon pivot_root userfaultfd`.split(
    ' ',
  )) {
    t.false(allowed.has(name), name);
  }
});

test('a capability brings the calls that need it', (t) => {
  const allowed = named('arm64', [...defaultCapabilities, 'CAP_SYS_ADMIN']);
  t.true(allowed.has('mount') && allowed.has('clone3') && allowed.has('set_tls'));
  t.false(allowed.has('modify_ldt'));
});

test('the filter for a runtime that compiles it has masks and errno values where the rules have them', (t) => {
  const profile = ociSeccomp('x64', defaultCapabilities);
  t.deepEqual(profile.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  t.deepEqual(
    profile.syscalls.filter(({names}) => names.length === 1 && ['clone', 'clone3'].includes(names[0] ?? '')),
    [
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: [{index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ'}],
      },
      {names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38},
    ],
  );
});
