import {chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {openContext} from '../../../engine/context/open-context.js';
import {createCopyReuse, mayReuse} from '../../../engine/drivers/embedded/files/reuse.js';
import {runFileStep, type TransferOperation} from '../../../engine/drivers/embedded/files/step.js';

const {signal} = new AbortController();
const copyAll: TransferOperation = {
  kind: 'copy',
  source: {kind: 'main-context'},
  sources: ['.'],
  destination: '/to',
  files: [],
  chown: undefined,
  chmod: undefined,
  link: false,
  parents: false,
  excludes: [],
  checksum: undefined,
  keepGitDir: false,
  unpack: undefined,
};

test('a COPY links what did not change, copies what did, and leaves what a first run leaves', async (t) => {
  const work = mkdtempSync(join(tmpdir(), 'build-image-reuse-'));
  t.teardown(() => rmSync(work, {recursive: true, force: true}));
  const from = join(work, 'context');
  mkdirSync(join(from, 'd'), {recursive: true});
  for (const name of ['same', 'written', 'mode', 'd/same', 'twice']) writeFileSync(join(from, name), `${name} 1`);
  linkSync(join(from, 'twice'), join(from, 'again'));
  const run = async (name: string, earlier: string | undefined) => {
    const upper = join(work, name);
    mkdirSync(upper);
    const list = join(work, `${name}.list`);
    const past = earlier === undefined ? undefined : {upper: join(work, earlier), list: join(work, `${earlier}.list`)};
    const reuse = createCopyReuse({root: upper, upper, list, by: {operation: copyAll, time: undefined}, earlier: past});
    const context = await openContext(from, {}, signal);
    const source = {kind: 'context', context} as const;
    const options = {source, root: upper, empty: true, user: '', time: undefined, scratch: () => join(work, 'scratch')};
    await runFileStep(copyAll, {...options, reuse}, signal);
    await reuse.finish(signal);
    return (path: string) => {
      const {ino, mode, nlink, mtimeMs} = lstatSync(join(upper, 'to', path));
      const data = path === 'd' ? '' : readFileSync(join(upper, 'to', path), 'utf8');
      return {ino, seen: {mode, mtimeMs, data}, nlink};
    };
  };
  await sleep(2100);
  const first = await run('first', undefined);
  // Same size, new text; and a change of the mode alone.
  writeFileSync(join(from, 'written'), 'written 2');
  chmodSync(join(from, 'mode'), 0o600);
  const second = await run('second', 'first');
  const fresh = await run('fresh', undefined);
  for (const name of ['same', 'd/same']) t.is(second(name).ino, first(name).ino, name);
  for (const name of ['written', 'mode', 'twice']) t.not(second(name).ino, first(name).ino, name);
  t.is(second('twice').ino, second('again').ino);
  for (const name of ['same', 'd/same', 'written', 'mode', 'twice', 'd'])
    t.deepEqual(second(name).seen, fresh(name).seen, name);
  t.is(first('written').seen.data, 'written 1');
  // What was written less than two seconds before it was copied is not relied on.
  const third = await run('third', 'second');
  t.not(third('written').ino, second('written').ino);
  t.is(third('same').nlink, 3);
  // The earlier files are gone: everything is copied.
  rmSync(join(work, 'third', 'to'), {recursive: true});
  const fourth = await run('fourth', 'third');
  t.deepEqual(fourth('same').seen, fresh('same').seen);
});

test('only a COPY of one plain source reuses files', (t) => {
  t.true(mayReuse(copyAll));
  t.false(mayReuse({...copyAll, kind: 'add'}));
  t.false(mayReuse({...copyAll, sources: ['a', 'b']}));
  t.false(mayReuse({...copyAll, sources: ['*.c']}));
  t.false(mayReuse({...copyAll, parents: true}));
});
