import {execFileSync} from 'node:child_process';
import {chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync} from 'node:fs';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {type CliOptions, type CliRun, namesIn, runCli, workshop} from '../helpers/cli.js';
import {processesWith} from '../helpers/processes.js';
import {writeBusybox} from '../helpers/busybox-tree.js';
import {emptyTrash} from '../../engine/store/empty-trash.js';
import {closeStore, openStore} from '../../engine/store/open.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {type TreeEntry, writeTree} from '../helpers/tree.js';

const common = ['--no-compose', '--driver', 'embedded', '--progress', 'plain'];

interface Place {
  readonly root: string;
  readonly store: string;
  readonly build: (args: readonly string[], options?: CliOptions) => Promise<CliRun>;
}

/** A workshop whose store has the tag `t/base`; undefined where nothing can run here. */
async function place(t: ExecutionContext, tree: Readonly<Record<string, TreeEntry>>): Promise<Place | undefined> {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return undefined;
  const {cli, root, store} = workshop(t, undefined, tree);
  const build = (args: readonly string[], options?: CliOptions) => cli([...common, ...args], options);
  writeBusybox(join(root, 'base'));
  const base = await build(['base', '-t', 't/base']);
  t.is(base.status, 0, base.stderr);
  return {root, store, build};
}

/** Nothing that only a running build needs. What a build had no time to delete is left to the next one, or to `prune`. */
async function assertTidy(t: ExecutionContext, store: string): Promise<void> {
  const opened = openStore(store, new AbortController().signal);
  t.deepEqual(await emptyTrash(opened), {left: 0});
  closeStore(opened);
  assertNothingHeld(t, store);
}

function assertNothingHeld(t: ExecutionContext, store: string): void {
  for (const room of ['mounts', 'tmp', 'leases', 'trash']) t.deepEqual(namesIn(join(store, room)), [], room);
  t.false(readFileSync('/proc/self/mountinfo', 'utf8').includes(store));
  t.deepEqual(processesWith(store), []);
}

const snapshots = (store: string) => namesIn(join(store, 'snapshots')).length;

test('SIGINT in a step ends the build within a second, and nothing half-made is left', async (t) => {
  const here = await place(t, {'app/Dockerfile': 'FROM t/base\nRUN echo begun > /x && echo started && sleep 60\n'});
  if (here === undefined) return;
  const before = snapshots(here.store);
  const run = await here.build(['app'], {signalOn: ' started\n'});
  t.is(run.status, 130, run.stderr);
  t.true(run.secondsAfterSignal < 1.5, `${run.secondsAfterSignal} s`);
  t.regex(run.stderr, /CANCELED/);
  t.notRegex(run.stderr, /ERROR/);
  t.is(snapshots(here.store), before);
  await assertTidy(t, here.store);
});

test('an executor that is killed is one clear error, and the next build tidies up', async (t) => {
  const here = await place(t, {
    'app/Dockerfile': 'FROM t/base\nRUN echo kept > /kept\nRUN echo started && sleep 60\n',
    'fine/Dockerfile': 'FROM t/base\nRUN echo kept > /kept\n',
  });
  if (here === undefined) return;
  let killed = false;
  const run = await here.build(['app'], {
    onProgress: (text, pid) => {
      if (killed || !text.includes(' started\n')) return;
      killed = true;
      for (const child of namesIn(`/proc/${pid}/task`)) {
        const below = readFileSync(`/proc/${pid}/task/${child}/children`, 'utf8').trim();
        // The child of `unshare` is process 1 of the namespaces.
        for (const id of below.split(' ').filter((text) => text !== '')) {
          const executor = readFileSync(`/proc/${id}/task/${id}/children`, 'utf8').trim();
          if (executor !== '') process.kill(Number(executor), 'SIGKILL');
        }
      }
    },
  });
  t.is(run.status, 3, run.stderr);
  t.is(run.stderr.match(/^build-image: .*/gm)?.length, 1, run.stderr);
  t.regex(run.stderr, /^build-image: the executor ended before the build did/m);
  const again = await here.build(['fine']);
  t.regex(again.stderr, /all 1 step cached/);
  await assertTidy(t, here.store);
});

test('a failing step says where, stops the branch beside it without noise, and what was done stays done', async (t) => {
  const here = await place(t, {
    'app/Dockerfile':
      'FROM t/base AS a\nRUN echo ok > /ok\nRUN echo to-log; sleep 1; exit 7\nFROM t/base AS b\nRUN sleep 60\n' +
      'FROM t/base\nCOPY --from=a /ok /\nCOPY --from=b /etc/passwd /\n',
  });
  if (here === undefined) return;
  const run = await here.build(['app']);
  t.is(run.status, 1, run.stderr);
  t.true(run.seconds < 20);
  t.regex(run.stderr, /app\/Dockerfile:3: .*sleep 1; exit 7.*exit code: 7/);
  t.regex(run.stderr, /^> 3 \| RUN echo to-log/m);
  t.regex(run.stderr, /^to-log$/m);
  t.is(run.stderr.match(/ ERROR: /g)?.length, 2, 'the step, and the summary of it');
  t.regex((await here.build(['app'])).stderr, /RUN echo ok > \/ok\n#\d+ CACHED/);
  await assertTidy(t, here.store);
});

test('a stage that --no-cache-filter runs again counts by what it left', async (t) => {
  const here = await place(t, {
    'app/Dockerfile':
      'FROM t/base AS a\nRUN --mount=type=cache,target=/c echo x >> /c/n; cat /c/n > /n; echo same > /same\n' +
      'FROM t/base\nCOPY --from=a /same /\nCOPY --from=a /n /\nRUN wc -l /n\n',
  });
  if (here === undefined) return;
  t.regex((await here.build(['app'])).stderr, / 1 \/n\n/);
  const again = await here.build(['app', '--no-cache-filter', 'a']);
  t.regex(again.stderr, / 2 \/n\n/);
  t.regex(again.stderr, /COPY --from=a \/same \/\n#\d+ CACHED/);
  t.regex((await here.build(['app'])).stderr, /all 4 steps cached/);
});

test('an image of the store is the base of an archive, a tree and a tar on standard output at once', async (t) => {
  const here = await place(t, {'app/Dockerfile': 'FROM t/base\nRUN head -c 3000000 /dev/zero > /zeros\n'});
  if (here === undefined) return;
  const outputs = ['-o', 'type=oci,dest=image.tar', '-o', 'type=local,dest=tree', '-o', '-'];
  for (const time of ['cold', 'cached']) {
    const prefix = ['sh', '-c', 'exec "$@" > streamed.tar', 'sh'];
    const run = await here.build(['app', ...outputs], {prefix});
    t.is(run.status, 0, run.stderr);
    t.is(statSync(join(here.root, 'tree/zeros')).size, 3_000_000);
    const names = execFileSync('tar', ['tf', join(here.root, 'image.tar')]).toString();
    t.is(names.match(/^blobs\/sha256\/.{64}$/gm)?.length, 4, 'two layers, configuration, manifest');
    const listed = execFileSync('tar', ['tf', join(here.root, 'streamed.tar')]).toString();
    t.is(listed.match(/^zeros$/gm)?.length, 1, time);
  }
  const twice = await here.build(['app', '-o', '-', '-o', 'type=oci']);
  t.is(twice.status, 2, twice.stderr);
});

test('named contexts of every kind, what ADD fetches, secrets and mounts reach the steps', async (t) => {
  const here = await place(t, {
    'files/one': 'from a directory\n',
    'app/own': 'from the context\n',
    'app/Dockerfile':
      'FROM t/base AS stage\nRUN echo from a stage > /one\nFROM t/base\nCOPY --from=directory one /1\n' +
      'COPY --from=image /etc/passwd /2\nCOPY --from=layout /etc/passwd /3\nCOPY --from=url one /4\nARG ADDRESS\n' +
      'ADD $ADDRESS/file /5\nRUN --mount=type=bind,from=stage,source=/one,target=/m --mount=type=bind,source=own,target=/n ' +
      '--mount=type=secret,id=s cat /1 /4 /5 /m /n && wc -c /run/secrets/s && [ -s /2 ] && [ -s /3 ]\n',
    secret: 'twelve chars',
  });
  if (here === undefined) return;
  const tar = execFileSync('tar', [
    'cf',
    '-',
    '--transform',
    's/directory/URL/',
    '-C',
    join(here.root, 'files'),
    'one',
  ]);
  const server = createServer((request, response) => {
    response.end(request.url === '/file' ? 'from ADD\n' : tar);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const bound = server.address();
  const address = `http://127.0.0.1:${typeof bound === 'object' ? (bound?.port ?? 0) : 0}`;
  t.is((await here.build(['base', '-o', 'type=oci,tar=false,dest=layout'])).status, 0);
  const named = {
    directory: 'files',
    image: 'docker-image://t/base',
    layout: `oci-layout://${join(here.root, 'layout')}`,
    url: `${address}/files.tar`,
  };
  const contexts = Object.entries(named).flatMap(([name, value]) => ['--build-context', `${name}=${value}`]);
  const run = await here.build([
    'app',
    ...contexts,
    '--build-arg',
    `ADDRESS=${address}`,
    '--secret',
    'id=s,src=secret',
  ]);
  t.is(run.status, 0, run.stderr);
  for (const line of ['a directory', 'ADD', 'a stage', 'the context'])
    t.regex(run.stderr, new RegExp(` from ${line}\n`));
  t.regex(run.stderr, / 12 \/run\/secrets\/s\n/);
  await assertTidy(t, here.store);
});

test('an ordinary user builds, and takes out what belongs to the other ids of the image', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const user = 'build-image-test';
  const known = readFileSync('/etc/subuid', 'utf8').includes(`${user}:`) && existsSync('/usr/bin/newuidmap');
  if (!available(t, known, `a user ${user} with subordinate ids, and uidmap`)) return;
  const home = mkdtempSync(join(tmpdir(), 'build-image-user-'));
  t.teardown(() => rmSync(home, {recursive: true, force: true}));
  chmodSync(home, 0o755);
  writeBusybox(join(home, 'base'));
  writeTree(home, {
    'app/Dockerfile':
      'FROM t/base AS made\nRUN mkdir /out && echo mine > /out/a.txt && chown -R 1000:1000 /out && chmod 700 /out\n' +
      'FROM t/base\nCOPY --from=made /out /out\nUSER app\nRUN id && cat /out/a.txt\n',
  });
  execFileSync('chown', ['-R', user, home]);
  const prefix = ['setpriv', '--reuid', user, '--regid', user, '--init-groups'];
  const env = {HOME: home, XDG_DATA_HOME: join(home, 'data'), TMPDIR: home, DOCKER_HOST: `unix://${home}/no.sock`};
  const build = (...args: readonly string[]) => runCli([...common, ...args], {cwd: home, prefix, env});
  const base = await build('base', '-t', 't/base');
  t.is(base.status, 0, base.stderr);
  const outputs = ['-o', 'type=oci,dest=image.tar', '-o', 'type=tar,dest=tree.tar'];
  for (const time of ['cold', 'cached']) {
    rmSync(join(home, 'artifacts'), {recursive: true, force: true});
    const run = await build('app', '--artifact', 'made:/out/*.txt', ...outputs);
    t.is(run.status, 0, run.stderr);
    t.is(readFileSync(join(home, 'artifacts/a.txt'), 'utf8'), 'mine\n', time);
    const listed = execFileSync('tar', ['--numeric-owner', '-tvf', join(home, 'tree.tar')]).toString();
    t.regex(listed, /^-rw-r--r-- 1000\/1000 .* out\/a\.txt$/m, time);
  }
  t.deepEqual(namesIn(join(home, 'data')), ['build-image']);
  // Whoever is not its owner may not open it.
  const pruned = await runCli(['prune'], {cwd: home, prefix, env});
  t.is(pruned.status, 0, pruned.stderr);
  assertNothingHeld(t, join(home, 'data/build-image'));
});
