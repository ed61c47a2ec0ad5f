import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import type {ContextEntry} from '../../engine/context/context.js';
import {openContext, type ContextOptions} from '../../engine/context/open-context.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree, type TreeEntry} from '../helpers/tree.js';

const {signal} = new AbortController();

async function entriesOf(root: string, options: ContextOptions = {}): Promise<ContextEntry[]> {
  const context = await openContext(root, options, signal);
  const entries: ContextEntry[] = [];
  for await (const entry of context.walk(signal)) entries.push(entry);
  return entries;
}

async function pathsOf(t: ExecutionContext, tree: Readonly<Record<string, TreeEntry>>): Promise<string[]> {
  const root = temporaryDirectory(t);
  writeTree(root, tree);
  return (await entriesOf(root)).map((entry) => entry.path);
}

test('a walk gives parents before children, names in byte order, depth first', async (t) => {
  const paths = await pathsOf(t, {'a/z': '', 'a-b': '', 'a/b/c': '', é: '', Z: '', 'a.b/x': ''});
  t.deepEqual(paths, ['Z', 'a', 'a/b', 'a/b/c', 'a/z', 'a-b', 'a.b', 'a.b/x', 'é'].sort(depthFirst));
});

/** Order of fsutil: component by component, in bytes. */
function depthFirst(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = Buffer.compare(Buffer.from(left[i] ?? ''), Buffer.from(right[i] ?? ''));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

test('an ignored directory is sent again as soon as a later rule sends something below it', async (t) => {
  const paths = await pathsOf(t, {'.dockerignore': 'a\n!a/b/c\n', 'a/b/c': '', 'a/b/d': '', 'a/e': '', 'a/b2/x': ''});
  t.deepEqual(paths, ['.dockerignore', 'a', 'a/b', 'a/b/c']);
});

test('the content of an entry is what the file holds', async (t) => {
  const root = temporaryDirectory(t);
  writeTree(root, {'d/f': 'x'.repeat(1_000_000), empty: ''});
  const context = await openContext(root, {}, signal);
  for await (const entry of context.walk(signal)) {
    if (entry.type === 'file') t.is((await text(context.open(entry))).length, entry.size);
  }
});

test('the ignore file beside the Dockerfile comes before the one in the root', async (t) => {
  const root = temporaryDirectory(t);
  writeTree(root, {'.dockerignore': 'a\n', 'docker/Dockerfile.dockerignore': 'b\n', a: '', b: ''});
  const paths = (await entriesOf(root, {dockerfile: join(root, 'docker/Dockerfile')})).map((entry) => entry.path);
  t.true(paths.includes('a'));
  t.false(paths.includes('b'));
});

test('a file that grows after it was listed fails the stream with CONTEXT_CHANGED', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd/log'), 'one');
  const context = await openContext(root, {}, signal);
  for await (const entry of context.walk(signal)) {
    if (entry.type !== 'file') continue;
    writeFileSync(join(root, 'd/log'), 'one two');
    await t.throwsAsync(text(context.open(entry)), {code: 'CONTEXT_CHANGED'});
  }
});
