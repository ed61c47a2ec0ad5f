import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {execFileSync} from 'node:child_process';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {syscalls} from '../../engine/base/syscalls.js';
import {namesIn, workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {writeTree} from '../helpers/tree.js';

const epoch = 1_600_000_000;
const common = ['--no-compose', '--driver', 'embedded', '--progress', 'plain', '--no-artifacts'];
/** Enough for a change of an earlier result to be worth it. */
const fillers = 400;
const dockerfile = `FROM scratch AS below
COPY below /
FROM below
COPY tree /data/
`;

interface Place {
  readonly tree: string;
  readonly store: string;
  /** Builds into the store; returns the digest of the manifest and what of the image's layers is in `tar -tv`. */
  readonly build: (store: string) => Promise<{readonly digest: string; readonly listing: string}>;
  /** Snapshots that are a change of another. */
  readonly continued: () => readonly string[];
}

function place(t: ExecutionContext): Place | undefined {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return undefined;
  const {cli, root, store} = workshop(t, undefined, {});
  const tree = join(root, 'app/tree');
  writeTree(join(root, 'app'), {
    Dockerfile: dockerfile,
    '.dockerignore': 'tree/ignored\n',
    'below/data/shared': 'from below\n',
    'below/data/both/x': 'from below\n',
    'below/elsewhere': 'from below\n',
  });
  mkdirSync(join(tree, 'many'), {recursive: true});
  for (let index = 0; index < fillers; index++) writeFileSync(join(tree, 'many', `${index}`), `file ${index}\n`);
  writeTree(tree, {
    written: '1\n',
    removed: 'gone soon\n',
    'dir/inner/file': 'deep\n',
    'dir/other': 'other\n',
    'both/x': 'over below\n',
    ignored: 'no\n',
    empty: '',
  });
  symlinkSync('written', join(tree, 'link'));
  symlinkSync('dir', join(tree, 'dirlink'));
  settleTimes(tree);
  let runs = 0;
  return {
    tree,
    store,
    async build(to) {
      const out = join(root, `out${runs++}`);
      const output = `type=oci,dest=${out},tar=false,compression=uncompressed,rewrite-timestamp=true`;
      const args = ['app', '--root', to, '-o', output, '--build-arg', `SOURCE_DATE_EPOCH=${epoch}`];
      const run = await cli([...common, ...args]);
      t.is(run.status, 0, run.stderr);
      const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8')) as {manifests: {digest: string}[]};
      const digest = index.manifests[0]?.digest ?? '';
      const blob = (of: string) => join(out, 'blobs/sha256', of.slice('sha256:'.length));
      const manifest = JSON.parse(readFileSync(blob(digest), 'utf8')) as {layers: {digest: string}[]};
      const list = (of: string) =>
        execFileSync('tar', ['-tvf', blob(of), '--full-time', '--xattrs', '--numeric-owner'], {encoding: 'utf8'});
      return {digest, listing: manifest.layers.map((layer) => list(layer.digest)).join('--\n')};
    },
    continued: () =>
      namesIn(join(store, 'snapshots')).filter((name) =>
        readFileSync(join(store, 'snapshots', name, 'snapshot.json'), 'utf8').includes('continues'),
      ),
  };
}

/** What was written gets a time before the epoch, each its own, so that a time that is not kept is seen. */
function settleTimes(directory: string, count = {value: 0}): void {
  for (const entry of readdirSync(directory, {withFileTypes: true})) {
    const path = join(directory, entry.name);
    const time = epoch - 1000 - (count.value++ % 500);
    if (entry.isDirectory()) settleTimes(path, count);
    if (lstatSync(path).mtimeMs / 1000 < epoch) continue;
    if (entry.isSymbolicLink()) lutimesSync(path, time, time);
    else utimesSync(path, time, time);
  }
}

/** Changes one after another, each seen on top of the others; `whole`: what cannot be a change of the earlier result. */
const changes: readonly {readonly name: string; readonly whole?: true; readonly make: (tree: string) => void}[] = [
  {name: 'a file is written', make: (tree) => writeFileSync(join(tree, 'written'), '2\n')},
  {name: 'a file deep down is written', make: (tree) => writeFileSync(join(tree, 'dir/inner/file'), 'deeper\n')},
  {name: 'a file is removed', make: (tree) => unlinkSync(join(tree, 'removed'))},
  {name: 'a file comes back', make: (tree) => writeFileSync(join(tree, 'removed'), 'again\n')},
  {name: 'a file is added', make: (tree) => writeFileSync(join(tree, 'dir/new'), 'new\n')},
  {name: 'a file is renamed', make: (tree) => renameSync(join(tree, 'dir/new'), join(tree, 'renamed'))},
  {name: 'the mode of a file changes', make: (tree) => chmodSync(join(tree, 'many/7'), 0o4755)},
  {name: 'the mode of a directory changes', make: (tree) => chmodSync(join(tree, 'dir'), 0o2711)},
  {
    name: 'of one file the time changes, of another the content',
    make(tree) {
      utimesSync(join(tree, 'many/9'), epoch - 77, epoch - 77);
      writeFileSync(join(tree, 'many/10'), 'written\n');
    },
  },
  {
    name: 'a file becomes a directory',
    make(tree) {
      unlinkSync(join(tree, 'many/11'));
      writeTree(tree, {'many/11/inside': 'was a file\n'});
    },
  },
  {
    name: 'a directory becomes a file',
    make(tree) {
      rmSync(join(tree, 'dir/inner'), {recursive: true});
      writeFileSync(join(tree, 'dir/inner'), 'was a directory\n');
    },
  },
  {
    name: 'a symlink becomes a directory',
    make(tree) {
      unlinkSync(join(tree, 'dirlink'));
      writeTree(tree, {'dirlink/inside': 'was a symlink\n'});
    },
  },
  {
    name: 'a file becomes a symlink',
    make(tree) {
      unlinkSync(join(tree, 'empty'));
      symlinkSync('/elsewhere', join(tree, 'empty'));
    },
  },
  {
    name: 'a directory is removed and made again with something else in it',
    make(tree) {
      rmSync(join(tree, 'dirlink'), {recursive: true});
      writeTree(tree, {'dirlink/other': 'made again\n'});
    },
  },
  {name: 'a directory is renamed', make: (tree) => renameSync(join(tree, 'dirlink'), join(tree, 'moved'))},
  {
    name: 'a file gets an attribute',
    make: (tree) => syscalls().setXattr(join(tree, 'many/13'), 'security.capability', capability),
  },
  {
    name: 'a directory gets an attribute',
    make: (tree) => syscalls().setXattr(join(tree, 'dir'), 'user.note', Buffer.from('x')),
  },
  {name: 'a pipe is added', make: (tree) => execFileSync('mkfifo', ['-m', '640', join(tree, 'pipe')])},
  {name: 'a file takes the place of one below', make: (tree) => writeFileSync(join(tree, 'shared'), 'over it\n')},
  {name: 'a file that hid one below is removed', whole: true, make: (tree) => unlinkSync(join(tree, 'both/x'))},
  {
    name: 'a directory that is below, too, is removed',
    whole: true,
    make: (tree) => rmSync(join(tree, 'both'), {recursive: true}),
  },
  {name: 'a file gets a second name', whole: true, make: (tree) => linkSync(join(tree, 'many/1'), join(tree, 'twice'))},
  {
    name: 'half of the files are written',
    whole: true,
    make(tree) {
      for (let index = 100; index < 300; index++) writeFileSync(join(tree, `many/${index}`), `more ${index}\n`);
    },
  },
];
/** cap_net_bind_service=ep */
const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');

/** One build for several changes, or with BUILD_IMAGE_TEST_LONG one for each. */
const rounds = changes.reduce<{name: string; readonly whole: boolean; readonly makes: ((tree: string) => void)[]}[]>(
  (all, {name, whole = false, make}) => {
    const open = all.at(-1);
    const isLong = process.env['BUILD_IMAGE_TEST_LONG'] !== undefined;
    if (isLong || whole || open === undefined || open.whole || open.makes.length >= 6)
      return [...all, {name, whole, makes: [make]}];
    open.name += `, ${name}`;
    open.makes.push(make);
    return all;
  },
  [],
);

const onlyIn = (one: string, other: string): readonly string[] =>
  one.split('\n').filter((line) => !other.split('\n').includes(line));

test('a changed context gives the image that a build without a past gives, whatever changed, again and again', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  await sleep(2100);
  await here.build(here.store);
  let known = here.continued().length;
  t.is(known, 0);
  for (const {name, whole, makes} of rounds) {
    for (const make of makes) make(here.tree);
    settleTimes(here.tree);
    const built = await here.build(here.store);
    const fresh = await here.build(`${here.store}-${name.replaceAll(/\W/g, '-').slice(0, 60)}`);
    t.deepEqual(onlyIn(built.listing, fresh.listing), [], name);
    t.is(built.digest, fresh.digest, name);
    const now = here.continued().length;
    t.is(now - known, whole ? 0 : 1, name);
    known = now;
  }
});
