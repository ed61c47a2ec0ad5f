import test from 'ava';
import {hostsFile, resolvConf} from '../../../engine/drivers/embedded/runtime/network-files.js';
import {startFailure, stepFailure} from '../../../engine/drivers/embedded/runtime/step-failure.js';
import {linesOf} from '../../../engine/drivers/embedded/accounts.js';
import {groupsOf, passwdOf, resolveUser} from '../../../engine/drivers/embedded/runtime/user.js';
import {type NamespaceFacts, namespaceRefusal} from '../../../engine/drivers/embedded/namespace-refusal.js';

const passwd = passwdOf(
  linesOf(
    'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001::/home/alice:\nbroken\nbad:x:one:2::/:\n77:x:5:6::/seven:\n',
  ),
);
const group = groupsOf(linesOf('root:x:0:\nstaff:x:50:alice,bob\nalice:x:1001:\nbroken:x\naudio:x:29:alice\n'));

for (const [user, uid, gid, additionalGids, home] of [
  ['', 0, 0, [0], '/root'],
  ['root', 0, 0, [0], '/root'],
  ['alice', 1000, 1001, [1001, 50, 29], '/home/alice'],
  ['1000', 1000, 1001, [1001, 50, 29], '/home/alice'],
  ['alice:staff', 1000, 50, [50], '/home/alice'],
  ['alice:29', 1000, 29, [29], '/home/alice'],
  ['alice:4711', 1000, 4711, [4711], '/home/alice'],
  ['4711', 4711, 0, [0], '/'],
  ['4711:4712', 4711, 4712, [4712], '/'],
  ['1000:root', 1000, 0, [0], '/home/alice'],
  // A name of digits goes before the number.
  ['77', 5, 6, [6], '/seven'],
] as const) {
  test(`USER ${user === '' ? '(none)' : user} is user ${uid} of group ${gid}`, (t) => {
    const found = resolveUser(
      user,
      () => passwd,
      () => group,
    );
    t.deepEqual(found, {uid, gid, additionalGids: [...additionalGids], home});
  });
}

for (const [user, message] of [
  ['alise', /no user "alise" in \/etc\/passwd \(did you mean "alice"\?\)/],
  ['alice:stuff', /no group "stuff" in \/etc\/group \(did you mean "staff"\?\)/],
  ['4294967296', /not an id from 0/],
  ['-1', /not an id from 0/],
] as const) {
  test(`USER ${user} is refused`, (t) => {
    t.throws(
      () =>
        resolveUser(
          user,
          () => passwd,
          () => group,
        ),
      {code: 'STEP_FAILED', message},
    );
  });
}

test('an image without passwd and group has root with the home /', (t) => {
  t.deepEqual(
    resolveUser(
      '',
      () => [],
      () => [],
    ),
    {uid: 0, gid: 0, additionalGids: [0], home: '/'},
  );
});

test('hosts has the host name, and the extra hosts after it', (t) => {
  t.is(
    hostsFile('builder', ['db:10.0.0.5', 'six=fe80::1', 'v6:[::2]', 'gate:host-gateway']),
    '127.0.0.1\tlocalhost builder\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
      '10.0.0.5\tdb\nfe80::1\tsix\n::2\tv6\n127.0.0.1\tgate\n',
  );
});

for (const bad of ['db', 'db:', 'db:nowhere', ':1.2.3.4', 'a b:1.2.3.4', 'x:1.2.3.4\n5.6.7.8 y']) {
  test(`the extra host ${JSON.stringify(bad)} is refused`, (t) => {
    t.throws(() => hostsFile('h', [bad]), {code: 'USAGE'});
  });
}

test("name servers at loopback addresses are left out in a network of its own, and kept in the host's", (t) => {
  const host =
    'search x\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 10.0.0.1\nnameserver ::1234\noptions edns0\n';
  t.is(resolvConf(host, 'host'), host);
  t.is(resolvConf(host, 'none'), 'search x\nnameserver 10.0.0.1\nnameserver ::1234\noptions edns0\n');
});

test('a failed step is told as BuildKit tells it, with the signal', (t) => {
  const argv = ['/bin/sh', '-c', 'make'];
  t.is(stepFailure(argv, 2, true).message, 'process "/bin/sh -c make" did not complete successfully: exit code: 2');
  t.regex(stepFailure(argv, 139, false).message, /exit code: 139 \(killed by SIGSEGV\)$/);
  const killed = stepFailure(argv, 137, true);
  t.regex(killed.message, /exit code: 137 \(killed by SIGKILL: the machine ran out of memory\)$/);
  t.regex(killed.details.remedy ?? '', /--jobs 1/);
});

test('what the runtime says about a program that it cannot start is translated', (t) => {
  t.regex(startFailure(['/bin/sh'], 'exec /bin/sh: Exec format error', 'crun').message, /another kind of machine/);
  t.regex(startFailure(['bash'], 'executable file `bash` not found in $PATH', 'crun').message, /no such program/);
  t.regex(startFailure(['bash'], 'mount /x: Invalid argument', 'crun').message, /^crun could not start "bash": mount/);
});

const facts = (files: Readonly<Record<string, string>>, programs = ['newuidmap', 'newgidmap']): NamespaceFacts => ({
  user: 'alice',
  uid: 1000,
  read: (path) => files[path],
  hasProgram: (name) => programs.includes(name),
});
const ranges = {'/etc/subuid': 'bob:1:2\nalice:100000:65536\n', '/etc/subgid': '1000:100000:65536\n'};

for (const [title, given, code, remedy] of [
  [
    'the switch of Debian',
    facts({...ranges, '/proc/sys/kernel/unprivileged_userns_clone': '0\n'}),
    'KERNEL_REFUSED',
    /userns_clone=1/,
  ],
  [
    'a limit of 0',
    facts({...ranges, '/proc/sys/user/max_user_namespaces': '0\n'}),
    'KERNEL_REFUSED',
    /max_user_namespaces/,
  ],
  ['no mount namespaces', facts({...ranges, '/proc/sys/user/max_mnt_namespaces': '0\n'}), 'KERNEL_REFUSED', /max_mnt/],
  ['a missing newuidmap', facts(ranges, ['newgidmap']), 'TOOL_MISSING', /apt-get install uidmap/],
  ['no user ids', facts({...ranges, '/etc/subuid': 'bob:1:2\n'}), 'KERNEL_REFUSED', /usermod --add-subuids .* alice/],
  ['no group ids', facts({'/etc/subuid': ranges['/etc/subuid']}), 'KERNEL_REFUSED', /add-subgids/],
  [
    'AppArmor',
    facts({...ranges, '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n'}),
    'KERNEL_REFUSED',
    /apparmor_restrict/,
  ],
  ['anything else', facts(ranges), 'KERNEL_REFUSED', /docker driver/],
] as const) {
  test(`namespaces refused by ${title} are named with the remedy`, (t) => {
    const error = namespaceRefusal(false, 'unshare failed', given);
    t.is(error.code, code);
    t.regex(error.details.remedy ?? '', remedy);
  });
}
