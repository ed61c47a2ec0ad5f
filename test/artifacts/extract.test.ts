import {once, type EventEmitter} from 'node:events';
import {createHash} from 'node:crypto';
import {spawnSync} from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatArtifact} from '../../engine/artifacts/artifact.js';
import {extractArtifacts, type ExtractRequest, type ExtractSource} from '../../engine/artifacts/extract.js';
import {parseArtifactPattern} from '../../engine/artifacts/pattern.js';
import type {BuildEventBody} from '../../engine/progress/events.js';
import {formatOwner, thisOwner} from '../../engine/store/owner.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree, type TreeEntry} from '../helpers/tree.js';
import {makeDeb} from './make-deb.js';
import {stageOf, stagesIn} from './stage.js';

const source = (path: string, ...globs: readonly string[]): ExtractSource => {
  return {stage: 0, stageName: 'builder', path, patterns: globs.map(parseArtifactPattern)};
};

/** A stage with that tree, an empty artifacts directory, and what is said. */
function setUp(t: ExecutionContext, tree: Readonly<Record<string, TreeEntry>> = {}) {
  const base = temporaryDirectory(t);
  const [root, directory] = [join(base, 'root'), join(base, 'out', 'artifacts')];
  mkdirSync(root);
  writeTree(root, tree);
  const events: BuildEventBody[] = [];
  const run = (sources: readonly ExtractSource[], more: Partial<ExtractRequest> = {}) =>
    extractArtifacts({
      readTree: stagesIn(root),
      sources,
      directory,
      signal: new AbortController().signal,
      events: {emit: (event) => events.push(event)},
      ...more,
    });
  const files = () => (existsSync(directory) ? readdirSync(directory, {recursive: true, encoding: 'utf8'}).sort() : []);
  const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  return {base, root, directory, run, files, warnings};
}

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

test('packages are taken out with their control fields and digest', async (t) => {
  const {root, directory, run, files, warnings} = setUp(t, {'tmp/artifacts/deep/readme.txt': 'no package'});
  const made = makeDeb(join(root, 'tmp/artifacts'), 'portal_1.0-2_amd64.deb', 'xz');
  const data = makeDeb(
    join(root, 'tmp/artifacts/deep'),
    'portal-data_1.0_all.deb',
    'zstd',
    'Package: portal-data\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: data\n',
  );
  const artifacts = await run([source('/tmp/artifacts')], {platform: {os: 'linux', architecture: 'amd64'}});
  t.deepEqual(
    artifacts.map(({path, stage, package: name, version, architecture}) => [path, stage, name, version, architecture]),
    [
      [join(directory, 'portal-data_1.0_all.deb'), 'builder', 'portal-data', '1.0', 'all'],
      [join(directory, 'portal_1.0-2_amd64.deb'), 'builder', 'portal', '1:1.0-2', 'amd64'],
    ],
  );
  t.is(artifacts[1]?.sha256, sha256(made));
  t.is(artifacts[1]?.size, statSync(made).size);
  t.is(artifacts[0]?.sha256, sha256(data));
  t.is(sha256(artifacts[1]?.path ?? 'none'), sha256(made));
  t.deepEqual(files(), ['portal-data_1.0_all.deb', 'portal_1.0-2_amd64.deb']);
  t.deepEqual(warnings(), []);
  t.regex(
    artifacts.map(formatArtifact)[1] ?? '',
    /portal_1\.0-2_amd64\.deb {2}portal 1:1\.0-2 amd64 {2}\S+ k?B {2}sha256:[0-9a-f]{64}$/,
  );
});

test('a file that is there with the same content keeps its time, another content replaces it', async (t) => {
  const {root, directory, run} = setUp(t);
  makeDeb(join(root, 'a'), 'portal_1.0-2_amd64.deb');
  await run([source('/a')]);
  const path = join(directory, 'portal_1.0-2_amd64.deb');
  utimesSync(path, 1000, 1000);
  const [again] = await run([source('/a')]);
  t.is(statSync(path).mtimeMs, 1_000_000);
  t.false(again?.written);
  writeFileSync(path, 'other');
  const [third] = await run([source('/a')]);
  t.true(third?.written);
  t.is(third?.sha256, sha256(path));
});

test('links are followed inside the stage, also to where the archive does not reach', async (t) => {
  const {root, run, files, warnings} = setUp(t, {
    'out/near.deb': {link: 'portal_1.0-2_amd64.deb'},
    'out/far.deb': {link: '/srv/hop'},
    'srv/hop': {link: '../build/real.deb'},
    'out/dangling.deb': {link: 'nothing'},
    'out/circle.deb': {link: 'circle2.deb'},
    'out/circle2.deb': {link: 'circle.deb'},
    'out/directory.deb': {link: '/srv'},
    'out/escape.deb': {link: '../../../../../../../../../../etc/hostname'},
    latest: {link: 'out'},
  });
  const made = makeDeb(join(root, 'out'), 'portal_1.0-2_amd64.deb');
  const real = makeDeb(join(root, 'build'), 'real.deb', 'gzip', 'Package: real\nVersion: 2\nArchitecture: all\n');
  linkSync(made, join(root, 'out/zhard.deb'));
  for (const path of ['/out', '/latest']) {
    const artifacts = await run([source(path)]);
    t.deepEqual(
      artifacts.map((one) => [one.source, one.package, one.linkTo]),
      [
        [`${path}/far.deb`, 'real', null],
        [`${path}/near.deb`, 'portal', '/out/portal_1.0-2_amd64.deb'],
        [`${path}/portal_1.0-2_amd64.deb`, 'portal', null],
        [`${path}/zhard.deb`, 'portal', null],
      ],
    );
    t.is(artifacts[0]?.sha256, sha256(real));
  }
  t.deepEqual(files(), ['far.deb', 'near.deb', 'portal_1.0-2_amd64.deb', 'zhard.deb']);
  for (const name of files()) t.true(lstatSync(join(root, '../out/artifacts', name)).isFile());
  t.is(warnings().filter((message) => message.includes('where there is no file')).length, 10);
});

test('a link to a file and a single file are places of their own', async (t) => {
  const {root, run, files} = setUp(t, {'link.deb': {link: 'a/portal_1.0-2_amd64.deb'}});
  makeDeb(join(root, 'a'), 'portal_1.0-2_amd64.deb');
  await run([source('/a/portal_1.0-2_amd64.deb'), source('/link.deb')]);
  t.deepEqual(files(), ['link.deb', 'portal_1.0-2_amd64.deb']);
});

test('nothing lands outside of the artifacts directory, whatever the archive holds', async (t) => {
  const {base, run, files} = setUp(t);
  const entry = (
    name: string,
    type: 'file' | 'symlink' | 'link' | 'fifo' | 'character-device' | 'directory',
    linkname?: string,
  ) =>
    [
      {name, type, ...(linkname === undefined ? {} : {linkname}), mode: 0o4777},
      type === 'file' ? 'content' : undefined,
    ] as const;
  const readTree = stageOf([
    entry('out/', 'directory'),
    entry('../../../../escape1.bin', 'file'),
    entry('/abs/escape2.bin', 'file'),
    entry('out/../../escape3.bin', 'file'),
    entry('out/d.bin', 'symlink', '/tmp'),
    entry('out/d.bin/escape4.bin', 'file'),
    entry('out/..bin', 'file'),
    entry('out/fifo.bin', 'fifo'),
    entry('out/device.bin', 'character-device'),
    entry('out/hard.bin', 'link', '../../../etc/passwd'),
    entry('out/soft.bin', 'symlink', '../../../../etc/passwd'),
  ]);
  await run([source('/out', '*bin')], {readTree});
  t.deepEqual(readdirSync(base).sort(), ['out', 'root']);
  t.deepEqual(readdirSync(join(base, 'out')), ['artifacts']);
  t.deepEqual(
    files().filter((name) => !lstatSync(join(base, 'out/artifacts', name)).isFile()),
    [],
  );
  for (const name of files()) {
    t.is(readFileSync(join(base, 'out/artifacts', name), 'utf8'), 'content');
    t.is(statSync(join(base, 'out/artifacts', name)).mode & 0o7111, 0);
  }
  t.true(files().includes('escape1.bin') && files().includes('..bin'));
});

test('a link in the artifacts directory is replaced, not written through', async (t) => {
  const {base, root, directory, run} = setUp(t);
  makeDeb(join(root, 'a'), 'portal_1.0-2_amd64.deb');
  mkdirSync(directory, {recursive: true});
  writeFileSync(join(base, 'victim'), 'untouched');
  symlinkSync(join(base, 'victim'), join(directory, 'portal_1.0-2_amd64.deb'));
  await run([source('/a')]);
  t.is(readFileSync(join(base, 'victim'), 'utf8'), 'untouched');
  t.true(lstatSync(join(directory, 'portal_1.0-2_amd64.deb')).isFile());
});

test('different files of one name keep their paths; a link in their way is refused', async (t) => {
  const {base, directory, run, files} = setUp(t, {
    'out/bookworm/a.bin': 'one',
    'out/trixie/a.bin': 'two',
    'out/same/b.bin': 'three',
    'out/equal/b.bin': 'three',
  });
  await run([source('/out', '*.bin')]);
  t.deepEqual(files(), ['b.bin', 'bookworm', 'bookworm/a.bin', 'trixie', 'trixie/a.bin']);
  const second = join(base, 'second');
  mkdirSync(second);
  symlinkSync(base, join(second, 'trixie'));
  const error = await t.throwsAsync(run([source('/out', '*.bin')], {directory: second}), {
    code: 'ARTIFACT_UNSAFE_PATH',
  });
  t.regex(error.message, /trixie is no directory/);
  t.false(existsSync(join(base, 'a.bin')));
  t.true(existsSync(join(directory, 'b.bin')));
});

test('only what COPY names by its wildcard is taken', async (t) => {
  const {run, files} = setUp(t, {'out/portal.bin': '1', 'out/other.bin': '2', 'out/portal-d/x.bin': '3'});
  await run([{...source('/out', '*.bin'), within: '/out/portal*'}]);
  t.deepEqual(files(), ['portal.bin', 'x.bin']);
});

test('the same path in two stages is told apart by the stage', async (t) => {
  const {root, run, files} = setUp(t, {'one/out/a.bin': '1', 'two/out/a.bin': '2'});
  const sources = [
    {...source('/out', '*.bin'), stageName: 'first'},
    {...source('/out', '*.bin'), stage: 1, stageName: 'second'},
  ];
  await run(sources, {readTree: stagesIn(join(root, 'one'), join(root, 'two'))});
  t.deepEqual(files(), ['first', 'first/a.bin', 'second', 'second/a.bin']);
});

test('no package is an error that lists what the stage has there', async (t) => {
  const tree = Object.fromEntries(
    Array.from({length: 25}, (_, index) => [`out/file${String(index + 10)}`, 'x'.repeat(index)]),
  );
  const {run, files} = setUp(t, {...tree, 'empty/place': {directory: true}});
  const error = await t.throwsAsync(run([source('/out'), source('/empty')]), {
    instanceOf: BuildError,
    code: 'ARTIFACT_NOT_FOUND',
  });
  t.is(error.message, 'no artifact "*.deb" in /out of stage builder, /empty of stage builder');
  const remedy = error.details.remedy ?? '';
  t.regex(remedy, /^Stage builder has in \/out:\n {2,}\d+ B {2}\/out\/file\d\d\n/);
  t.is(remedy.split('\n').filter((line) => line.includes('/out/file')).length, 20);
  t.regex(remedy, /… and 5 more\nStage builder has no files in \/empty\./);
  t.deepEqual(files(), []);
});

test('a place that is missing is said, with the nearest that is there', async (t) => {
  const {run} = setUp(t, {'tmp/artifacts/x': '', 'srv/a/b': ''});
  const near = await t.throwsAsync(run([source('/tmp/artefacts')]), {
    instanceOf: BuildError,
    code: 'ARTIFACT_NOT_FOUND',
  });
  t.regex(near.details.remedy ?? '', /^Stage builder has no \/tmp\/artefacts \(did you mean "\/tmp\/artifacts"\?\)\./);
  const far = await t.throwsAsync(run([source('/srv/zzzzzz/deep/er')]), {instanceOf: BuildError});
  t.regex(
    far.details.remedy ?? '',
    /has no \/srv\/zzzzzz\/deep\/er; the nearest that is there is \/srv\.\n {2}\/srv\/a\n/,
  );
});

test('every pattern that was asked for must match; the default need not, where it is not required', async (t) => {
  const {run} = setUp(t, {'out/a.bin': '1'});
  const error = await t.throwsAsync(run([source('/out', '*.bin', '*.whl')]), {code: 'ARTIFACT_NOT_FOUND'});
  t.regex(error.message, /^no artifact "\*\.whl" in \/out/);
  t.deepEqual(await run([source('/out')], {required: false}), []);
});

test('a damaged package is refused, and nothing is left, not even the good one', async (t) => {
  const {root, run, files} = setUp(t, {'out/z.deb': 'no package'});
  makeDeb(join(root, 'out'), 'portal_1.0-2_amd64.deb');
  const error = await t.throwsAsync(run([source('/out')]), {code: 'ARTIFACT_INVALID'});
  t.regex(error.message, /^\/out\/z\.deb of stage builder is no Debian package: it does not begin as an ar archive/);
  t.deepEqual(files(), []);
});

test('a name or an architecture that does not fit is warned of', async (t) => {
  const {root, run, warnings} = setUp(t);
  makeDeb(join(root, 'out'), 'portal_2.0_amd64.deb');
  await run([source('/out')], {platform: {os: 'linux', architecture: 'arm64'}});
  t.deepEqual(warnings(), [
    'portal_2.0_amd64.deb holds portal 1:1.0-2 amd64: it would be called portal_1.0-2_amd64.deb',
    'portal_2.0_amd64.deb is for amd64, but the build is for linux/arm64 (arm64 in Debian)',
  ]);
});

test('a stream that breaks off, fails or is aborted leaves nothing', async (t) => {
  const {run, files} = setUp(t);
  const whole = stageOf([[{name: 'out/a.bin'}, Buffer.alloc(300_000, 1)]]);
  const cut = (after: number, then: () => void): ExtractRequest['readTree'] =>
    async function* (...request) {
      let sent = 0;
      for await (const piece of whole(...request)) {
        yield piece;
        sent += piece.length;
        if (sent >= after) {
          then();
          return;
        }
      }
    };
  const torn = await t.throwsAsync(run([source('/out', '*.bin')], {readTree: cut(100_000, () => undefined)}), {
    code: 'ARCHIVE_INVALID',
  });
  t.regex(torn.message, /tar archive is damaged/);
  const fails = cut(100_000, () => {
    throw new BuildError('DAEMON_LOST', 'gone');
  });
  await t.throwsAsync(run([source('/out', '*.bin')], {readTree: fails}), {code: 'DAEMON_LOST'});
  const controller = new AbortController();
  const aborts = cut(100_000, () => controller.abort(new Error('stopped')));
  await t.throwsAsync(run([source('/out', '*.bin')], {readTree: aborts, signal: controller.signal}), {
    message: 'stopped',
  });
  t.deepEqual(files(), []);
});

test('an abort while the stage sends nothing ends at once', async (t) => {
  const {run, files} = setUp(t);
  const controller = new AbortController();
  const silent: ExtractRequest['readTree'] = async function* (_, __, signal) {
    yield new Uint8Array(0);
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
    signal.throwIfAborted();
  };
  const running = run([source('/out')], {readTree: silent, signal: controller.signal});
  setTimeout(() => controller.abort(new Error('stopped')), 50);
  await t.throwsAsync(running, {message: 'stopped'});
  t.deepEqual(files(), []);
});

test('what a killed run left is removed, what a live one writes is not', async (t) => {
  const {root, directory, run, files} = setUp(t);
  makeDeb(join(root, 'a'), 'portal_1.0-2_amd64.deb');
  mkdirSync(directory, {recursive: true});
  const own = thisOwner();
  const dead = formatOwner({...own, pid: spawnSync('true').pid});
  const live = `y.deb.tmp-${formatOwner(own)}-999999`;
  // Of a container that shares the directory: nobody here can tell whether it runs.
  const foreign = `z.deb.tmp-${formatOwner({...own, pid: 1, namespace: '1'})}-1`;
  writeFileSync(join(directory, `x.deb.tmp-${dead}-1`), 'half');
  for (const name of [live, foreign]) writeFileSync(join(directory, name), 'half');
  await run([source('/a')]);
  t.deepEqual(files(), ['portal_1.0-2_amd64.deb', live, foreign]);
});

test('two extractions into one directory at once both succeed', async (t) => {
  const {root, run, files} = setUp(t);
  makeDeb(join(root, 'a'), 'portal_1.0-2_amd64.deb');
  await Promise.all(Array.from({length: 8}, () => run([source('/a')])));
  t.deepEqual(files(), ['portal_1.0-2_amd64.deb']);
});

test('names of any length and script are written', async (t) => {
  const long = `${'é'.repeat(120)}.bin`;
  const {run, files} = setUp(t, {[`out/${long}`]: 'x', 'out/日本 語\n.bin': 'y'});
  const artifacts = await run([source('/out', '*.bin')]);
  t.deepEqual(files(), [long, '日本 語\n.bin'].sort());
  t.true(artifacts.every((artifact) => !formatArtifact(artifact).includes('\n')));
});

test('an artifacts directory that cannot be made is said', async (t) => {
  const {base, run} = setUp(t, {'out/a.bin': 'x'});
  writeFileSync(join(base, 'file'), '');
  const error = await t.throwsAsync(run([source('/out', '*.bin')], {directory: join(base, 'file')}), {code: 'IO'});
  t.regex(error.message, /cannot write to the artifacts directory/);
});

test('a large file passes through with bounded memory', async (t) => {
  const {run} = setUp(t);
  const size = 400 * 1024 * 1024;
  const piece = Buffer.alloc(1024 * 1024, 7);
  const readTree: ExtractRequest['readTree'] = async function* () {
    const {pack} = await import('tar-stream');
    const archive = pack();
    const entry = archive.entry({name: 'big.bin', size});
    void (async () => {
      for (let sent = 0; sent < size; sent += piece.length) {
        if (!entry.write(piece)) await once(entry as unknown as EventEmitter, 'drain');
      }
      (entry as unknown as NodeJS.WritableStream).end();
      archive.finalize();
    })();
    for await (const chunk of archive as AsyncIterable<Uint8Array>) yield chunk;
  };
  let peak = 0;
  const before = process.memoryUsage.rss();
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  t.teardown(() => clearInterval(timer));
  const [artifact] = await run([source('/big.bin', '/big.bin')], {readTree});
  t.is(artifact?.size, size);
  t.true(peak - before < 200 * 1024 * 1024, `${peak - before} bytes more`);
});
