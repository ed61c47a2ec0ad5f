import {execFileSync} from 'node:child_process';
import {linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {buffer} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import {contextDigests} from '../../engine/context/digest.js';
import {useHelpers} from '../../engine/context/helpers/helpers.js';
import {openContext} from '../../engine/context/open-context.js';
import {contextTar} from '../../engine/context/tar/context-tar.js';
import {temporaryDirectory} from '../helpers/temporary.js';

// Contexts large enough for helper threads: what they give is what one thread gives.
const {signal} = new AbortController();
const files = 6000;

function largeTree(t: ExecutionContext): string {
  const root = temporaryDirectory(t);
  for (let d = 0; d < 60; d++) {
    const directory = join(root, `d${d}`);
    mkdirSync(directory);
    for (let i = 0; i < files / 60; i++) {
      writeFileSync(join(directory, `f${i}`), Buffer.alloc((i * 977 + d) % 5000, `${d}/${i} `));
    }
    symlinkSync(`f${d}`, join(directory, 'l'));
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0x80 + d])]), 'raw');
  }
  linkSync(join(root, 'd1/f1'), join(root, 'd50/same'));
  writeFileSync(join(root, 'd30/large'), Buffer.alloc(3_000_001, 'large '));
  return root;
}

async function withThreads(): Promise<ReturnType<typeof useHelpers>> {
  const helpers = useHelpers();
  helpers.start();
  for (let i = 0; i < 500 && !helpers.ready(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  return helpers;
}

const listing = (root: string): string =>
  execFileSync('sh', ['-c', 'find . -mindepth 1 -printf "%P|%y|%m|%Ts|%l|%n\\n" | LC_ALL=C sort'], {
    cwd: root,
    encoding: 'latin1',
    maxBuffer: 1e8,
  });

const tarOf = async (root: string) => buffer(contextTar(await openContext(root, {}, signal), {}, signal));

test.serial('a large context is the same archive with threads as without, and GNU tar unpacks it', async (t) => {
  const root = largeTree(t);
  const without = await tarOf(root);
  const helpers = await withThreads();
  t.true(helpers.ready());
  const archive = await tarOf(root);
  helpers.release();
  t.true(archive.equals(without));
  const unpacked = temporaryDirectory(t);
  execFileSync('tar', ['-xpf', '-', '-C', unpacked], {input: archive});
  t.is(listing(unpacked), listing(root));
  t.notThrows(() => execFileSync('diff', ['-r', '--no-dereference', root, unpacked]));
});

test.serial('digests of a large context are the same with threads, without, and from memory', async (t) => {
  const root = largeTree(t);
  execFileSync('find', [root, '-type', 'f', '-exec', 'touch', '-d', '2020-01-01', '{}', '+']);
  const cacheFile = join(temporaryDirectory(t), 'memory');
  const digests = async (options: {readonly cacheFile?: string}) => {
    const found: string[] = [];
    for await (const one of contextDigests(await openContext(root, {}, signal), options, signal))
      found.push(`${one.path} ${one.digest}`);
    return found;
  };
  const plain = await digests({});
  t.is(plain.length, files + 60 * 3 + 2);
  const helpers = await withThreads();
  await new Promise((resolve) => setTimeout(resolve, 2100));
  t.deepEqual(await digests({cacheFile}), plain);
  t.deepEqual(await digests({cacheFile}), plain);
  helpers.release();
  // What is remembered is taken, not read again.
  const memory = readFileSync(cacheFile);
  writeFileSync(cacheFile, Buffer.concat([memory.subarray(0, -64), Buffer.alloc(64, 'f')]));
  t.is((await digests({cacheFile})).filter((one) => one.endsWith('f'.repeat(64))).length, 1);
  writeFileSync(cacheFile, memory);
  // One gone, one added, one changed: the rest still comes from memory, in spite of the shift.
  rmSync(join(root, 'd3/f3'));
  writeFileSync(join(root, 'd2/a'), 'new');
  truncateSync(join(root, 'd4/f4'), 1);
  utimesSync(join(root, 'd5/f5'), 1, 1);
  const later = await digests({cacheFile});
  const without = (list: readonly string[]) => list.filter((one) => !/^d(3\/f3|2\/a|4\/f4) /.test(one));
  t.deepEqual(without(later), without(plain));
  t.is(later.length, plain.length);
  t.notDeepEqual(later, plain);
  t.deepEqual(later, await digests({}));
});

test.serial('a file that shrinks under a thread fails the archive with CONTEXT_CHANGED and its name', async (t) => {
  const root = largeTree(t);
  const helpers = await withThreads();
  const context = await openContext(root, {}, signal);
  const changing = {
    ...context,
    async *batches(stop: AbortSignal) {
      for await (const batch of context.batches(stop)) {
        if (batch.some((entry) => entry.path === 'd40/f40')) truncateSync(join(root, 'd40/f40'), 0);
        yield batch;
      }
    },
  };
  await t.throwsAsync(buffer(contextTar(changing, {}, signal)), {
    code: 'CONTEXT_CHANGED',
    message: /"d40\/f40" shrank/,
  });
  helpers.release();
});

test.serial('who stops reading or is aborted leaves no thread behind, and others keep theirs', async (t) => {
  const root = largeTree(t);
  const helpers = await withThreads();
  const controller = new AbortController();
  const reason = new Error('enough');
  const reading = async () => {
    for await (const chunk of contextTar(await openContext(root, {}, signal), {}, controller.signal)) {
      if (chunk.length > 0) controller.abort(reason);
    }
  };
  await t.throwsAsync(reading(), {is: reason});
  for await (const chunk of contextTar(await openContext(root, {}, signal), {}, signal)) {
    t.true(chunk.length > 0);
    break;
  }
  const [one, other] = await Promise.all([tarOf(root), tarOf(root)]);
  t.true(one.equals(other));
  t.true(helpers.ready());
  helpers.release();
  t.false(helpers.ready());
});
