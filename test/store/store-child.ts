import {appendFileSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {digestOf} from '../../engine/oci/digest.js';
import {openBlobWriter} from '../../engine/store/blob-writer.js';
import {writeBlob} from '../../engine/store/blobs.js';
import {withLock} from '../../engine/store/locks.js';
import {closeStore, openStore} from '../../engine/store/open.js';
import {pruneStore} from '../../engine/store/prune.js';
import {claimStep, readRecord, writeRecord} from '../../engine/store/records.js';
import {completeSnapshot, newSnapshot, snapshotFs} from '../../engine/store/snapshots.js';
import {removeTag, writeTag} from '../../engine/store/tags.js';
import {chunks, keyOf, never, stepRecord} from './stores.js';

/** A process that works on a store until it ends or is killed: `node store-child.js <what> <root> …`. */
const [what = '', root = '', ...rest] = process.argv.slice(2);

/** Makes blobs, snapshots, records and tags for ever. */
async function write(): Promise<void> {
  const store = openStore(root, never);
  process.stdout.write('ready\n');
  for (let round = 0; ; round++) {
    const noise = Buffer.alloc(200_000, `${process.pid} ${round}`);
    const config = await writeBlob(store, chunks(noise, 'end'));
    const writer = openBlobWriter(store);
    writer.write(noise);
    writer.write(Buffer.from('layer'));
    const layer = writer.finish();
    const {id, fs} = newSnapshot(store);
    writeFileSync(join(fs, 'file'), noise);
    completeSnapshot(store, id, {synced: false, parents: []});
    writeRecord(
      store,
      stepRecord(keyOf(round), {snapshot: id, layer: {...layer, diffId: layer.digest, mediaType: 'x'}}),
    );
    writeTag(store, {
      reference: `docker.io/library/crash:${round % 3}`,
      manifestDigest: config.digest,
      configDigest: config.digest,
      platform: {os: 'linux', architecture: 'amd64'},
      created: '2026-01-01T00:00:00.000Z',
      snapshots: [id],
    });
    if (round % 2 === 1) removeTag(store, 'docker.io/library/crash:0');
  }
}

/** Adds one to a number in a file, so many times, each under the lock. */
async function count(): Promise<void> {
  const store = openStore(root, never);
  const [file = '', times = '0'] = rest;
  for (let round = 0; round < Number(times); round++) {
    await withLock(store, 'counter', never, async () => {
      const before = Number(readFileSync(file, 'utf8'));
      await delay(Math.random() * 2);
      writeFileSync(file, String(before + 1));
    });
  }
  closeStore(store);
}

/** Makes a step unless another process has; says in a file that it made it. */
async function step(): Promise<void> {
  const store = openStore(root, never);
  const [log = '', most = '1'] = rest;
  for (let number = 0; number < Number(most); number++) {
    await withLock(store, `step-${number}`, never, async () => {
      if (readRecord(store, keyOf(number)) !== undefined) return;
      appendFileSync(log, `${number}\n`);
      await delay(5);
      writeRecord(store, stepRecord(keyOf(number)));
    });
  }
  closeStore(store);
}

/** Holds a lock, or a half-made snapshot and blob, until it is killed. */
async function hold(): Promise<void> {
  const store = openStore(root, never);
  await withLock(store, 'held', never, async () => {
    newSnapshot(store);
    openBlobWriter(store).write(Buffer.from('half'));
    process.stdout.write(`${store.lease.name}\n`);
    await delay(600_000);
  });
}

/**
 * Builds over and over the same few steps, while others prune: what it has claimed or made must be there until it closes
 * the store. Exits with 1 where it is not.
 */
async function build(): Promise<void> {
  const until = Date.now() + Number(rest[0]);
  let hits = 0;
  for (let round = 0; Date.now() < until; round++) {
    const store = openStore(root, never);
    let parents: readonly string[] = [];
    const chain: string[] = [];
    for (let number = 0; number < 4; number++) {
      const found = claimStep(store, keyOf(number));
      let id = found?.record.snapshot;
      if (typeof id !== 'string') {
        const made = newSnapshot(store);
        writeFileSync(join(made.fs, 'file'), String(number));
        await delay(Math.random() * 3);
        completeSnapshot(store, made.id, {synced: false, parents});
        writeRecord(store, stepRecord(keyOf(number), {snapshot: made.id}));
        id = made.id;
      } else hits++;
      parents = [id];
      chain.push(...(found?.chain ?? [id]));
    }
    const blob = await writeBlob(store, chunks(`config ${round % 5}`));
    await delay(Math.random() * 3);
    for (const id of chain) readFileSync(join(snapshotFs(store, id), 'file'));
    readFileSync(join(root, 'blobs/sha256', blob.digest.slice(7)));
    closeStore(store);
  }
  process.stdout.write(`${hits}\n`);
}

async function prune(): Promise<void> {
  const until = Date.now() + Number(rest[0]);
  while (Date.now() < until) {
    const store = openStore(root, never);
    await pruneStore(store, {all: true});
    closeStore(store);
    await delay(Math.random() * 5);
  }
}

/** Writes blobs until the disk is full, and prints the error's code. */
async function fill(): Promise<void> {
  const store = openStore(root, never);
  for (let round = 0; ; round++) {
    const noise = Buffer.alloc(100_000, digestOf(String(round)));
    await writeBlob(store, chunks(noise));
    const {id, fs} = newSnapshot(store);
    writeFileSync(join(fs, 'file'), noise.subarray(0, 10_000));
    completeSnapshot(store, id, {synced: false, parents: []});
    writeRecord(store, stepRecord(keyOf(round), {snapshot: id}));
    rmSync(join(root, 'nothing'), {force: true});
  }
}

const jobs: Readonly<Record<string, () => Promise<void>>> = {write, count, step, hold, build, prune, fill};
await jobs[what]?.();
