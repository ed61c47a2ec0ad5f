import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {extractArtifacts} from '../../engine/artifacts/extract.js';
import {listDeb, readDeb} from '../../engine/artifacts/deb.js';
import {parseArtifactPattern} from '../../engine/artifacts/pattern.js';
import {stagesIn} from '../artifacts/stage.js';
import {available} from '../helpers/requirement.js';
import {temporaryDirectory} from '../helpers/temporary.js';

for (const name of ['hello', 'base-files', 'libc6']) {
  test(`the package ${name} of Debian is read as dpkg-deb reads it`, async (t) => {
    const directory = temporaryDirectory(t);
    try {
      execFileSync('apt-get', ['download', name], {cwd: directory, stdio: 'pipe', timeout: 120_000});
    } catch {
      available(t, false, `apt-get cannot download ${name}`);
      return;
    }
    const path = join(directory, readdirSync(directory).find((file) => file.endsWith('.deb')) ?? '');
    const deb = await readDeb(path, new AbortController().signal);
    const field = (field: string) => execFileSync('dpkg-deb', ['-f', path, field], {encoding: 'utf8'}).trim();
    t.is(deb.package, field('Package'));
    t.is(deb.version, field('Version'));
    t.is(deb.architecture, field('Architecture'));
    t.is(deb.maintainer, field('Maintainer'));
    t.is(deb.depends.join(', '), field('Depends').replace(/\s+/g, ' '));
    t.true(field('Description').startsWith(`${deb.synopsis}\n`));
    t.is(deb.installedSize, Number(field('Installed-Size')) * 1024);
    const listed = execFileSync('dpkg-deb', ['--fsys-tarfile', path], {maxBuffer: 1e9});
    const names = execFileSync('tar', ['-tf', '-'], {input: listed, encoding: 'utf8', maxBuffer: 1e9})
      .trim()
      .split('\n');
    const files = await listDeb(path, new AbortController().signal);
    t.deepEqual(
      files.map((file) => file.path.replace(/\/$/, '')),
      names.map((one) => one.replace(/^\.\//, '').replace(/\/$/, '')),
    );
  });
}

test('a full disk is said, and nothing is left on it', async (t) => {
  const base = temporaryDirectory(t);
  const disk = join(base, 'disk');
  mkdirSync(disk);
  mkdirSync(join(base, 'stage/out'), {recursive: true});
  writeFileSync(join(base, 'stage/out/a.bin'), Buffer.alloc(10_000));
  writeFileSync(join(base, 'stage/out/big.bin'), Buffer.alloc(3_000_000));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], {stdio: 'pipe'});
  } catch {
    available(t, false, 'this user may not mount a tmpfs');
    return;
  }
  try {
    const error = await t.throwsAsync(
      extractArtifacts({
        readTree: stagesIn(join(base, 'stage')),
        sources: [{stage: 0, stageName: 'builder', path: '/out', patterns: [parseArtifactPattern('*.bin')]}],
        directory: disk,
        signal: new AbortController().signal,
      }),
      {code: 'NO_SPACE'},
    );
    t.regex(error.message, /^no space left in the artifacts directory /);
    t.deepEqual(readdirSync(disk), []);
  } finally {
    execFileSync('umount', [disk]);
  }
});

test('what a killed extraction left is removed by the next', async (t) => {
  const base = temporaryDirectory(t);
  const directory = join(base, 'artifacts');
  const child = spawn(process.execPath, ['dist/test/helpers/slow-extraction.js', directory], {stdio: 'ignore'});
  for (let tries = 0; tries < 200 && !(existsSync(directory) && readdirSync(directory).length > 0); tries++)
    await sleep(50);
  t.is(readdirSync(directory).length, 1);
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.regex(readdirSync(directory)[0] ?? '', /^big\.bin\.tmp-[\d.a-f]+-\d+$/);
  mkdirSync(join(base, 'stage/out'), {recursive: true});
  writeFileSync(join(base, 'stage/out/a.bin'), 'x');
  await extractArtifacts({
    readTree: stagesIn(join(base, 'stage')),
    sources: [{stage: 0, stageName: 'builder', path: '/out', patterns: [parseArtifactPattern('*.bin')]}],
    directory,
    signal: new AbortController().signal,
  });
  t.deepEqual(readdirSync(directory), ['a.bin']);
});
