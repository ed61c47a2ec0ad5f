import {execFileSync} from 'node:child_process';
import {mkdirSync, renameSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {buildBusyboxBase} from '../helpers/busybox-base.js';
import {type CliOptions, type CliRun, namesIn, type Workshop, workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {writeTree} from '../helpers/tree.js';

const common = ['--no-compose', '--driver', 'embedded', '--progress', 'plain'];
const dockerfile = `FROM t/base AS made
RUN mkdir /out && echo made > /out/a.txt && rm /bin/wc
FROM t/base
RUN --mount=type=cache,target=/c --mount=type=bind,from=made,target=/m,rw --mount=type=bind,target=/src touch /c/f /m/f && cat /src/f
COPY --from=made /out /out
COPY f /
`;

interface Place extends Workshop {
  readonly build: (args: readonly string[], options?: CliOptions) => Promise<CliRun>;
}

/** A store with `t/base`, and `app` to be built on it; undefined where nothing can run here. */
async function place(t: ExecutionContext): Promise<Place | undefined> {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return undefined;
  const shop = workshop(t, undefined, {'app/Dockerfile': dockerfile, 'app/f': 'one\n'});
  const base = await buildBusyboxBase(shop.cli, join(shop.root, 'base'));
  t.is(base.status, 0, base.stderr);
  return {...shop, build: (args, options) => shop.cli(['build', ...common, ...args], options)};
}

function oneError(t: ExecutionContext, run: CliRun, status: number, says: RegExp): void {
  t.is(run.status, status, run.stderr);
  t.is(run.stderr.match(/^build-image: /gm)?.length, 1, run.stderr);
  t.regex(run.stderr, says);
  t.notRegex(run.stderr, /internal error|^\s+at .*:\d+:\d+\)?$|node:internal/m);
}

const shell = (script: string): CliOptions => ({prefix: ['sh', '-c', script, 'sh']});

for (const [what, options] of [
  ['with a mask that allows nothing', shell('umask 0777; exec "$@"')],
  ['with 256 open files at most', shell('ulimit -n 256; exec "$@"')],
  [
    'without a home, and with a directory for temporary files that is not there',
    {env: {HOME: undefined, TMPDIR: '/no'}},
  ],
  ['without standard input and with nobody who reads what it says', shell('exec "$@" <&- 2>&-')],
  ['without control groups', shell('exec unshare --mount sh -c \'umount -Rl /sys/fs/cgroup; exec "$@"\' sh "$@"')],
  ['without /sys', shell('exec unshare --mount sh -c \'umount -Rl /sys; exec "$@"\' sh "$@"')],
] as const satisfies readonly (readonly [string, CliOptions])[]) {
  test(`a build ${what} is a build like any other`, async (t) => {
    const here = await place(t);
    if (here === undefined) return;
    const args = ['app', '--artifact', 'made:/out/*', '-o', 'type=tar,dest=out.tar', '-o', 'type=image', '-t', 't/app'];
    const run = await here.build(args, options);
    t.is(run.status, 0, run.stderr);
    t.regex(run.stdout, /^tag +t\/app$/m);
    t.deepEqual(namesIn(join(here.root, 'artifacts')), ['a.txt']);
    const listed = execFileSync('tar', ['-tvf', join(here.root, 'out.tar')]).toString();
    t.regex(listed, /^-rw-r--r-- .* out\/a\.txt$/m);
    t.regex(listed, /^-rwxr-xr-x .* bin\/wc$|^l.* bin\/wc /m);
    for (const room of ['tmp', 'mounts', 'leases']) t.deepEqual(namesIn(join(here.store, room)), [], room);
  });
}

test('a store and a context may have any name', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const odd = ' a:b,c"d\\e\n\'f$(g)=é';
  const [store, app] = [`${here.store}${odd}`, join(here.root, `app${odd}`)];
  renameSync(here.store, store);
  renameSync(join(here.root, 'app'), app);
  const build = (...args: readonly string[]) => here.build(args, {cwd: app, env: {BUILD_IMAGE_ROOT: store}});
  const cold = await build('--artifact', 'made:/out/*', '-o', 'type=tar,dest=out.tar', '-t', 't/app');
  t.is(cold.status, 0, cold.stderr);
  t.deepEqual(namesIn(join(app, 'artifacts')), ['a.txt']);
  rmSync(join(app, 'artifacts'), {recursive: true});
  rmSync(join(app, 'out.tar'));
  const again = await build();
  t.regex(again.stderr, /all 4 steps cached/);
  const pruned = await here.cli(['prune', '--all', '--root', store]);
  t.is(pruned.status, 0, pruned.stderr);
});

test('in a directory that was deleted a command says so', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const gone = shell('cd gone && rmdir ../gone && exec "$@"');
  for (const command of [
    ['build', ...common, join(here.root, 'app')],
    ['images', '--root', 'x'],
  ]) {
    mkdirSync(join(here.root, 'gone'));
    oneError(t, await here.cli(command, gone), 3, /the current directory does not exist any more/);
  }
});

test('a store on an overlay, as in a container, is one error with what to do', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const mounted = `for d in l u w m; do mkdir "$0.$d"; done
    mount -t overlay -o "lowerdir=$0.l,upperdir=$0.u,workdir=$0.w" none "$0.m"
    cp -a "$0" "$0.m/store"; exec "$@"`;
  const options = {prefix: ['unshare', '--mount', 'sh', '-c', mounted, here.store]};
  const run = await here.build(['app', '--root', `${here.store}.m/store`], options);
  oneError(
    t,
    run,
    3,
    /^build-image: app\/Dockerfile:2: the store \S+\.m\/store is on overlay[^]*^Keep it on ext4.*--root/m,
  );
});

test('an output that nobody takes, or that cannot be written, is one error', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const full = shell('"$@" > /dev/full');
  // More than a pipe holds is not read.
  const head = shell('{ "$@"; echo "status $?" >&2; } | head -c 10 > /dev/null');
  const tar = ['app', '-o', 'type=tar,dest=-'];
  oneError(t, await here.build(['app'], full), 3, /cannot write to standard output: ENOSPC/);
  oneError(t, await here.build(tar, full), 3, /cannot write to standard output: ENOSPC/);
  oneError(t, await here.cli(['save', 't/base'], full), 3, /cannot write to standard output: ENOSPC/);
  const cut = await here.build(tar, head);
  oneError(t, cut, 0, /cannot write to standard output: write EPIPE/);
  t.regex(cut.stderr, /^status 3$/m);
  // The answer of a command is only read as far as it is of use.
  const listed = await here.cli(['context', 'app'], shell('{ "$@"; echo "status $?" >&2; } | true'));
  t.regex(listed.stderr, /^status 0$/m);
  const next = await here.build(['app']);
  t.is(next.status, 0, next.stderr);
  for (const room of ['tmp', 'mounts', 'leases']) t.deepEqual(namesIn(join(here.store, room)), [], room);
});

const name = 'x'.repeat(200);

test('files deeper than a path can say are an error of COPY, never left out', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  writeTree(here.root, {'deep/Dockerfile': 'FROM scratch\nCOPY . /d/\n'});
  // Longer than a path may be, and so each directory is gone into.
  const dig = `i=0; while [ $i -lt 25 ]; do mkdir ${name}; cd ${name}; echo x > f; i=$((i + 1)); done`;
  execFileSync('sh', ['-c', `cd "$1" && ${dig}`, 'sh', join(here.root, 'deep')], {stdio: 'ignore'});
  for (const output of ['type=image', 'type=tar,dest=out.tar']) {
    oneError(t, await here.build(['deep', '-o', output]), 1, /Dockerfile:2: .*longer than the system takes/);
  }
  t.false(namesIn(here.root).includes('out.tar'));
  // Node cannot.
  execFileSync('rm', ['-r', join(here.root, 'deep')]);
});

test('what a step left deeper than a path can say does not keep prune from working', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const dig = `cd /; i=0; while [ $i -lt 25 ]; do mkdir ${name} && cd ${name} && echo x > f; i=$((i + 1)); done; true`;
  writeTree(here.root, {'deep/Dockerfile': `FROM t/base\nRUN ${dig}\n`});
  oneError(t, await here.build(['deep', '-t', 't/deep']), 2, /longer than a path can be/);
  const pruned = await here.cli(['prune', '--all']);
  t.is(pruned.status, 0, pruned.stderr);
  t.regex(pruned.stdout, /1 snapshot/);
  t.deepEqual(namesIn(join(here.store, 'trash')), []);
});
