import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {collect, settingsOf} from '../helpers/job.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';
import {prepareJob} from '../../engine/job/prepare.js';

const signal = new AbortController().signal;
const files = {'app.py': 'x', 'artifacts/portal_1.0_all.deb': 'deb'};

const sends = test.macro<[string, Parameters<typeof writeTree>[1], readonly string[]]>({
  async exec(t, dockerfile, tree, expected) {
    const root = temporaryDirectory(t);
    writeTree(root, {Dockerfile: dockerfile, ...tree});
    const job = await prepareJob(settingsOf(root), undefined, signal);
    const paths = await collect(job.context);
    await job.close();
    t.deepEqual(paths, expected);
  },
  title: (name) => name ?? '',
});

test('packages of an earlier build are not sent', sends, 'FROM scratch\nCOPY . /\n', files, ['Dockerfile', 'app.py']);
test('nor where another source has a wildcard', sends, 'FROM scratch\nCOPY *.py /\nCOPY . /\n', files, [
  'Dockerfile',
  'app.py',
]);
const all = ['Dockerfile', 'app.py', 'artifacts', 'artifacts/portal_1.0_all.deb'];
test('a COPY that names the directory gets it', sends, 'FROM scratch\nCOPY artifacts /a\n', files, all);
test('so does a wildcard that may mean it', sends, 'FROM scratch\nCOPY a* /a/\n', files, all);
test('so does a variable', sends, 'FROM scratch\nARG D=artifacts\nCOPY $D /a\n', files, all);
test('so does a mount', sends, 'FROM scratch\nRUN --mount=type=bind,source=artifacts,target=/a true\n', files, all);
test(
  'a directory with other work in it is sent',
  sends,
  'FROM scratch\nCOPY . /\n',
  {...files, 'artifacts/notes': ''},
  ['Dockerfile', 'app.py', 'artifacts', 'artifacts/notes', 'artifacts/portal_1.0_all.deb'],
);

test('an empty directory is sent', async (t) => {
  const root = temporaryDirectory(t);
  writeTree(root, {Dockerfile: 'FROM scratch\nCOPY . /\n'});
  mkdirSync(join(root, 'artifacts'));
  const job = await prepareJob(settingsOf(root), undefined, signal);
  t.deepEqual(await collect(job.context), ['Dockerfile', 'artifacts']);
  await job.close();
});
