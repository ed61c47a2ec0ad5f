import {spawn} from 'node:child_process';
import {appendFileSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import test from 'ava';
import {claim, claimsOf, leaseLife, listLeases, parseLease, settleLife} from '../../engine/store/leases.js';
import {formatOwner, lifeOf, parseOwner, thisOwner} from '../../engine/store/owner.js';
import {available} from '../helpers/requirement.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {exitOf, filesBelow, firstOutput, makeDirectories, startChild, testStore, withStore} from './stores.js';

/** Waits, ten seconds at most, for what another process does. */
async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo() && waited < 10_000; waited += 20) await delay(20);
}

test('a lease names what was claimed, once, and ends with the store', async (t) => {
  const root = temporaryDirectory(t);
  await withStore(root, (store) => {
    claim(store, {kind: 'snapshot', id: 'a'}, {kind: 'blob', id: 'b'});
    claim(store, {kind: 'blob', id: 'b'}, {kind: 'cache', id: 'c'});
    const [lease] = listLeases(root);
    t.deepEqual(lease, store.lease);
    t.deepEqual(claimsOf(root, store.lease), [
      {kind: 'snapshot', id: 'a'},
      {kind: 'blob', id: 'b'},
      {kind: 'cache', id: 'c'},
    ]);
    appendFileSync(join(root, 'leases', store.lease.name), 'blob cut-o');
    t.is(claimsOf(root, store.lease).length, 3);
  });
  t.deepEqual(listLeases(root), []);
});

test('a store from which nothing is claimed writes nothing', async (t) => {
  const root = join(temporaryDirectory(t), 'store');
  await withStore(root, () => undefined);
  t.throws(() => filesBelow(root), {code: 'ENOENT'});
});

test('this process runs, and is not mistaken for another', (t) => {
  const self = thisOwner();
  t.is(lifeOf(self), 'alive');
  t.deepEqual(parseOwner(formatOwner(self)), self);
  t.is(lifeOf({...self, started: '1'}), 'dead');
  t.is(lifeOf({...self, boot: '00000000'}), 'dead');
  t.is(lifeOf({...self, pid: 4_999_999}), 'dead');
  t.is(lifeOf({...self, namespace: '1'}), 'unknown');
  for (const text of ['', 'x', '1.2.3', `${formatOwner(self)}.`]) t.is(parseOwner(text), undefined);
  t.is(parseLease('00000000'), undefined);
});

test('a process that is killed but not yet waited for is dead', async (t) => {
  // The shell's child ends at once; the shell becomes a program that never waits for it.
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], {stdio: ['ignore', 'pipe', 'ignore']});
  t.teardown(() => parent.kill('SIGKILL'));
  const pid = Number(await firstOutput(parent));
  const look = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  await until(() => look()[0] === 'Z');
  const fields = look();
  t.is(fields[0], 'Z');
  t.is(lifeOf({...thisOwner(), pid, started: fields[19] ?? ''}), 'dead');
});

test('a build in another PID namespace is known by the lock of its lease', async (t) => {
  if (!available(t, process.geteuid?.() === 0, 'root')) return;
  const store = testStore(t);
  const script = new URL('store-child.js', import.meta.url).pathname;
  const command = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, script, 'hold', store.root];
  const child = spawn('unshare', command, {stdio: ['ignore', 'pipe', 'inherit']});
  t.teardown(() => child.kill('SIGKILL'));
  await firstOutput(child);
  const [lease] = listLeases(store.root);
  if (lease === undefined) return t.fail('no lease');
  t.is(leaseLife(lease), 'unknown');
  t.is(settleLife(store.root, lease, Date.now()), 'alive');
  child.kill('SIGKILL');
  await exitOf(child);
  // The child inside ends a moment after the one that waits for it.
  await until(() => settleLife(store.root, lease, Date.now()) === 'dead');
  t.is(settleLife(store.root, lease, Date.now()), 'dead');
});

test('a lease of another PID namespace without a lock is given up after a day', (t) => {
  const root = temporaryDirectory(t);
  makeDirectories(join(root, 'leases'));
  const name = `01234567.${formatOwner({...thisOwner(), namespace: '1'})}`;
  writeFileSync(join(root, 'leases', name), '');
  const [lease] = listLeases(root);
  if (lease === undefined) return t.fail('no lease');
  t.is(settleLife(root, lease, Date.now()), 'alive');
  t.is(settleLife(root, lease, Date.now() + 2 * 86_400_000), 'dead');
  renameSync(join(root, 'leases', name), join(root, 'leases', 'gone'));
  t.is(settleLife(root, lease, Date.now()), 'dead');
});

test('a claim waits for a prune that decides, and not for one that was killed', async (t) => {
  const root = temporaryDirectory(t);
  const child = startChild(t, 'hold', root);
  const [, ...owner] = (await firstOutput(child)).split('.');
  const announcement = join(root, 'leases', `prune.${owner.join('.')}`);
  writeFileSync(announcement, '');
  // Ends the process that announced it while this thread is blocked.
  spawn('sh', ['-c', `sleep 0.4; kill -9 ${child.pid ?? 0}`]);
  const started = performance.now();
  await withStore(root, (store) => claim(store, {kind: 'snapshot', id: 'a'}));
  const waited = performance.now() - started;
  t.true(waited > 200 && waited < 20_000, `${waited} ms`);
  const again = performance.now();
  await withStore(root, (store) => claim(store, {kind: 'snapshot', id: 'a'}));
  // Nothing to wait for: it would be a minute.
  t.true(performance.now() - again < 10_000);
});
