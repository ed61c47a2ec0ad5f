import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {attack, type Attack} from './range.js';

const base = 'FROM conformance-base\n';

/** Instructions whose destination or source leads out through a symlink that an earlier step made. */
function through(title: string, lines: (host: string) => readonly string[], ends: Attack['ends']): void {
  attack(title, ({host}) => ({
    dockerfile: `${base}${lines(host).join('\n')}\n`,
    context: {evil: 'evil\n', 'a.tar': {tar: [{name: 'open', content: 'evil'}]}},
    ends,
  }));
}

through(
  'COPY through a symlink to the root, and to a directory of the host',
  (host) => [
    `RUN ln -s / /x && ln -s ${host} /h && ln -s ../../../../..${host} /r`,
    'COPY evil /x/open',
    'COPY evil /h/open',
    'COPY evil /r/open',
    'COPY evil /h/new/',
  ],
  'contained',
);
through(
  'COPY through /proc/1/root and /proc/self/cwd',
  (host) => ['RUN ln -s /proc/1/root /x && ln -s /proc/self/cwd /c', `COPY evil /x${host}/open`, 'COPY evil /c/open'],
  'contained',
);
through(
  'COPY onto a symlink to a file of the host',
  (host) => [`RUN ln -s ${host}/open /x`, 'COPY evil /x'],
  'contained',
);
through(
  'ADD of an archive through a symlink to the host',
  (host) => [`RUN ln -s ${host} /x`, 'ADD a.tar /x/'],
  'contained',
);
through(
  'COPY --from through symlinks to the host',
  (host) => [`RUN ln -s ${host} /h && ln -s ${host}/secret /s`, 'FROM conformance-base', 'COPY --from=0 /h/secret /x'],
  'refused',
);
through(
  'COPY --from of the host by dot-dot and by /proc',
  (host) => ['FROM conformance-base', `COPY --from=0 /../../../..${host}/secret /proc/1/root${host}/secret /x/`],
  'refused',
);
through(
  'WORKDIR through a symlink to the host',
  (host) => [`RUN ln -s ${host} /x`, 'WORKDIR /x/new', 'RUN echo e > open'],
  'contained',
);
through(
  'WORKDIR in the descriptors of the runtime',
  () =>
    [3, 4, 5, 6, 7, 8, 9, 10]
      .map((number) => `WORKDIR /proc/self/fd/${number}`)
      .concat('RUN cat ../../../../../etc/shadow'),
  'refused',
);
attack('WORKDIR behind a symlink in a cache that leads to descriptors of the runtime', ({host}) => ({
  dockerfile:
    `${base}RUN --mount=type=cache,target=/c rm -rf /c/* && for i in 3 4 5 6 7 8 9 10 11 12; do ln -s /proc/self/fd/$i /c/$i; done\n` +
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
      .map(
        (number) =>
          `FROM conformance-base AS s${number}\nWORKDIR /c/${number}\nRUN --mount=type=cache,target=/c for u in . .. ../.. ../../.. ../../../.. ../../../../..; do if cat "$u${host}/secret"; then echo "ESC""APED"; fi; done; true\n`,
      )
      .join(''),
  args: ['--target', 's7'],
  ends: 'either',
  notSays: /ESCAPED/,
  async after({build}, _, t) {
    for (const number of process.env['BREAKOUTS_LONG'] === undefined ? [5] : [3, 4, 5, 6, 8, 9, 10, 11, 12]) {
      const run = await build(['--target', `s${number}`]);
      t.notRegex(run.stderr, /ESCAPED|internal error/, `descriptor ${number}`);
    }
  },
}));
through(
  'VOLUME, USER and LABEL that name the host',
  (host) => [`VOLUME ["${host}", "../../..", "/proc/1/root"]`, `USER ../../..${host}`, `LABEL x=../../${host}`],
  'either',
);
attack('mount targets that are symlinks to the host', ({host}) => ({
  dockerfile:
    `${base}RUN for name in b c t s; do ln -s ${host}/new-$name /$name; done; ln -s ${host}/new /n\n` +
    'RUN --mount=type=bind,source=evil,target=/b/inner --mount=type=cache,target=/c/cache --mount=type=tmpfs,target=/t ' +
    '--mount=type=secret,id=s,target=/s/secret --mount=type=tmpfs,target=/n touch /c/cache/x /t/x /n/x\n',
  context: {evil: 'evil\n'},
  beside: {s: 'sesame\n'},
  args: ['--secret', `id=s,src=${join(host, '../beside/s')}`],
  ends: 'contained',
}));
for (const target of [
  '/',
  '/..',
  '/../../..',
  '/proc',
  '/proc/1',
  '/proc/self/fd/5',
  '/sys/kernel',
  '/dev',
  '/etc/passwd/below',
]) {
  attack(`a mount whose target is ${target}`, () => ({
    dockerfile: `${base}RUN --mount=type=tmpfs,target=${target} echo x > ${target}/x; true\n`,
    ends: 'either',
  }));
}
attack('cache ids and sources that are paths', ({host, store}) => ({
  dockerfile:
    `${base}RUN --mount=type=cache,id=../../../etc,target=/a --mount=type=cache,id=${host},target=/b touch /a/x /b/x\n` +
    `FROM conformance-base\nRUN ln -s ${host} /x\nFROM conformance-base\n` +
    'RUN --mount=type=cache,from=1,source=/x,target=/c cat /c/secret\n',
  ends: 'refused',
  after: (_, __, t) => {
    t.true(readdirSync(join(store, 'caches')).every((name) => /^[0-9a-f]{32}$/.test(name)));
  },
}));
attack('a cache whose source is swapped for a symlink while another build mounts it', ({build, context, host}) => ({
  dockerfile: `${base}${Array.from({length: 6}, (_, n) => `RUN --mount=type=cache,id=race,target=/c --mount=type=tmpfs,target=/c/sub cat /c/sub/secret; echo evil > /c/sub/open; echo ${n}\n`).join('')}`,
  context: {
    Swap: `${base}RUN --mount=type=cache,id=race,target=/c i=0; while [ $i -lt 250 ]; do rm -rf /c/sub; mkdir /c/sub; rm -rf /c/sub; ln -s ../../../../../../..${host} /c/sub; i=$((i+1)); done; true\n`,
  },
  args: ['--no-cache'],
  ends: 'either',
  async meanwhile() {
    await build(['--no-cache', '-f', join(context, 'Swap')], {});
  },
}));

/** What a step tries as root; `ESCAPED` in the log says that it came through. */
function step(title: string, commands: (host: string) => readonly string[], more: Partial<Attack> = {}): void {
  attack(`RUN: ${title}`, ({host}) => ({
    dockerfile: `${base}RUN <<END\n${commands(host).join('\n')}\ntrue\nEND\n`,
    args: ['--no-cache'],
    ends: 'contained',
    notSays: /ESCAPED/,
    ...more,
  }));
}

const escaped = 'echo "ESC""APED"';
step('the nodes of disks, memory and loop devices are made and opened', () =>
  ['b 254 0', 'b 8 0', 'b 7 0', 'c 1 1', 'c 1 2', 'c 1 11', 'c 10 237', 'c 10 229', 'c 10 232', 'c 5 3'].flatMap(
    (numbers, index) => [
      `mknod /n${index} ${numbers}; (: < /n${index}) 2>&1 && ${escaped}`,
      `mknod /dev/n${index} ${numbers}; (: < /dev/n${index}) 2>&1 && ${escaped}`,
      `mknod /dev/shm/n${index} ${numbers}; (: < /dev/shm/n${index}) 2>&1 && ${escaped}`,
    ],
  ),
);
step('mounts, of every kind', () =>
  [
    '-t proc p /mnt',
    '-t tmpfs t /mnt',
    '--bind / /mnt',
    '-o remount,rw /sys',
    '-o remount,rw /proc/sys',
    '-t cgroup c /mnt',
    '-t overlay o -o lowerdir=/bin:/etc /mnt',
  ].map((text) => `mkdir -p /mnt; mount ${text} && ${escaped}`),
);
step('settings of the kernel are written', () => [
  ...['core_pattern', 'hostname', 'panic', 'randomize_va_space'].map(
    (name) => `(echo '|/evil' > /proc/sys/kernel/${name}) && ${escaped}`,
  ),
  `(echo b > /proc/sysrq-trigger) && ${escaped}`,
  `(echo 1 > /sys/kernel/mm/ksm/run) && ${escaped}`,
  `(echo x > /sys/kernel/uevent_helper) && ${escaped}`,
  `(echo 1 > /sys/fs/cgroup/release_agent) && ${escaped}`,
  `for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do (echo 1 > $f) 2>/dev/null && ${escaped}; done`,
]);
step('namespaces are entered and made', () => [
  `nsenter -t 1 -m true && nsenter -t 1 -m ls /proc/1/root/../host && ${escaped}`,
  `unshare -m true && ${escaped}`,
  `unshare -U true && ${escaped}`,
  `unshare -U -r -m true && ${escaped}`,
  `nsenter --mount=/proc/1/ns/mnt mount -t tmpfs x /mnt && ${escaped}`,
]);
step(
  'processes of the host are looked for',
  (host) => [
    // Of its own namespace there is this shell and what it starts.
    `for d in /proc/[0-9]*; do tr "\\\\0" " " < $d/cmdline | grep -q "engine/cli/mai[n].js" && ${escaped}; done`,
    `for d in /proc/[0-9]*; do [ -e $d/root${host}/secret ] && ${escaped}; [ -e $d/cwd${host}/secret ] && ${escaped}; done`,
    'kill -9 -1',
  ],
  {ends: 'either'},
);
step('inherited descriptors and environment', (host) => [
  `for f in /proc/self/fd/*; do case $f in */0|*/1|*/2|*/3|*/10) ;; *) [ -e $f ] && ls -l $f; esac; [ -e $f/../../../../..${host}/secret ] && ${escaped}; done`,
  `for f in /proc/1/fd/*; do [ -d $f ] && ${escaped}; done`,
  `env | grep -E "MARK=|BUILD_IMAGE|XDG_|NODE_" && ${escaped}`,
  `tr "\\\\0" "\\\\n" < /proc/1/environ | grep MARK= && ${escaped}`,
]);
step('the runtime is overwritten through /proc/self/exe', () => [
  'cp /bin/busybox /bin/real; printf "#!/proc/self/exe\\n" > /evil; chmod 755 /evil; /evil true',
  `(echo evil > /proc/1/exe) 2>/dev/null && ${escaped}`,
  `(echo evil > /proc/self/exe) 2>/dev/null && ${escaped}`,
]);
step('chroot and the classic way out of it', (host) => [
  `mkdir -p /jail; cp /bin/busybox /jail/sh; chroot /jail /sh true; cd /; cd ../../../../../..; [ -e .${host}/secret ] && ${escaped}`,
]);
step('processes that go on in the background', () => [
  'for i in 1 2 3 4 5; do (trap "" HUP TERM INT; setsid sleep 1000 >/dev/null 2>&1 &) ; done',
  'setsid sh -c "while true; do sleep 1000; done" >/dev/null 2>&1 &',
]);
attack('RUN: more processes than anybody needs, until the time is over', () => ({
  dockerfile: `${base}RUN i=0; while [ $i -lt 400 ]; do sleep 1000 & i=$((i+1)); done; echo forked; wait\n`,
  args: ['--no-cache', '--timeout', '6s'],
  ends: 'refused',
  says: /timeout|took longer|time/i,
}));
step(
  'links to the host in what it leaves',
  (host) => [
    `ln -s ${host}/secret /s; ln -s ${host} /d; ln ${host}/secret /l 2>/dev/null && ${escaped}`,
    'rm -rf /proc/nothing /etc/resolv.conf /etc/hosts; mv /tmp /tmp2; ln -s / /tmp',
  ],
  {
    async after({build, context, beside, host}, _, t) {
      const plain = join(beside, 'plain');
      const run = await build(['-o', `type=local,dest=${plain}`, context]);
      t.is(run.status, 0, run.stderr);
      t.false(existsSync(join(host, 'new')));
      t.true(readdirSync(plain).includes('s'));
    },
  },
);
step(
  'signals to the executor and a log without an end',
  () => ['head -c 20000000 /dev/zero | tr "\\\\0" "\\\\033"', 'kill -9 0 2>/dev/null'],
  {
    ends: 'either',
    after: (_, run, t) => {
      t.true(run.stderr.length < 40_000_000);
    },
  },
);
attack('RUN --security=insecure is not had by asking', () => ({
  dockerfile: `${base}RUN --security=insecure mount -t tmpfs x /mnt\n`,
  ends: 'refused',
  says: /insecure/,
}));
attack('secrets are in no layer, log or record', ({beside, store}) => ({
  dockerfile: `${base}RUN --mount=type=secret,id=s,env=S --mount=type=secret,id=s cat /run/secrets/s; echo $S; test $(echo -n "$S" | wc -c) = 11\n`,
  beside: {s: 'sesame-open'},
  args: ['--no-cache', '--secret', `id=s,src=${join(beside, 's')}`],
  ends: 'contained',
  notSays: /sesame-open/,
  after(_, __, t) {
    for (const room of ['records', 'history', 'tmp']) {
      const text = filesBelow(join(store, room))
        .map((path) => readFileSync(path, 'latin1'))
        .join('');
      t.false(text.includes('sesame-open'), room);
    }
  },
}));

function filesBelow(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
