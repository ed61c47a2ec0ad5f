import {execFileSync} from 'node:child_process';
import {readFileSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {listDeb, readDeb} from '../../engine/artifacts/deb.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {makeDeb, portalControl} from './make-deb.js';

const signal = () => new AbortController().signal;

for (const compression of ['gzip', 'xz', 'zstd', 'none']) {
  test(`a package compressed with ${compression} is read`, async (t) => {
    const path = makeDeb(temporaryDirectory(t), 'portal.deb', compression);
    const deb = await readDeb(path, signal());
    t.like(deb, {
      package: 'portal',
      version: '1:1.0-2',
      architecture: 'amd64',
      maintainer: 'Portal Team <portal@example.org>',
      synopsis: 'small web service',
      description: 'It lists users.\n\nAnd adds them.',
      installedSize: 12 * 1024,
      depends: ['python3 (>= 3.11)', 'adduser', 'python3-flask'],
    });
    const files = await listDeb(path, signal());
    t.like(
      files.find((file) => file.path === 'usr/share/portal/hello.txt'),
      {type: 'file', size: 6, mode: 0o644},
    );
  });
}

test('a package with a large data archive in zstd and xz is listed', async (t) => {
  const directory = temporaryDirectory(t);
  const text = Array.from({length: 300_000}, (_, index) => String(index * 7919)).join('\n');
  for (const compression of ['xz', 'zstd']) {
    const path = makeDeb(directory, `${compression}.deb`, compression, portalControl, {'srv/big': text});
    const files = await listDeb(path, signal());
    t.is(files.find((file) => file.path === 'srv/big')?.size, text.length);
  }
});

const ar = (members: readonly (readonly [string, Buffer | string])[]) =>
  Buffer.concat([
    Buffer.from('!<arch>\n'),
    ...members.flatMap(([name, content]) => {
      const body = Buffer.from(content);
      const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(body.length).padEnd(10)}\`\n`;
      return [Buffer.from(header), body, Buffer.from(body.length % 2 === 1 ? '\n' : '')];
    }),
  ]);

const binary = ['debian-binary', '2.0\n'] as const;

/** A control archive of that one file, packed by the tools. */
function controlTar(directory: string, control: string | Buffer, filter: string): Buffer {
  writeFileSync(join(directory, 'control'), control);
  return execFileSync('sh', ['-c', `tar -C "$0" -cf - ./control | ${filter}`, directory], {maxBuffer: 1e8});
}

const malformed: readonly (readonly [string, (directory: string) => Buffer, RegExp])[] = [
  ['an empty file', () => Buffer.alloc(0), /x\.deb is no Debian package: the file is empty/],
  ['a text', () => Buffer.from('hello, I am a package'), /does not begin as an ar archive/],
  ['an archive without members', () => ar([]), /first member is missing, not "debian-binary"/],
  ['another archive', () => ar([['a.o', 'x']]), /first member is "a\.o", not "debian-binary"/],
  ['another format version', () => ar([['debian-binary', '3.0\n']]), /format version is "3\.0", not 2\.x/],
  [
    'no control archive',
    () => ar([binary, ['data.tar', '']]),
    /no member "control\.tar", only "debian-binary", "data\.tar"/,
  ],
  ['no data archive', () => ar([binary, ['control.tar', '']]), /no member "data\.tar"/],
  [
    'a compression nobody reads',
    () => ar([binary, ['control.tar.lz4', ''], ['data.tar', '']]),
    /"control\.tar\.lz4" is not known/,
  ],
  ['damaged gzip', () => ar([binary, ['control.tar.gz', 'nonsense'], ['data.tar', '']]), /gzip data is damaged/],
  [
    'damaged xz',
    () => ar([binary, ['control.tar.xz', 'nonsense, long enough'], ['data.tar', '']]),
    /xz data is damaged/,
  ],
  [
    'damaged zstd',
    () => ar([binary, ['control.tar.zst', 'nonsense, long enough'], ['data.tar', '']]),
    /zstd data is damaged/,
  ],
  [
    'a control archive that is no tar',
    () => ar([binary, ['control.tar', 'x'.repeat(2048)], ['data.tar', '']]),
    /tar archive is damaged/,
  ],
  [
    'a member that is cut off',
    () => ar([binary, ['control.tar', 'x'.repeat(512)]]).subarray(0, 300),
    /it is cut off: "control\.tar" should have 512 bytes, 168 are there/,
  ],
  [
    'a control archive without control',
    () => ar([binary, ['control.tar', Buffer.alloc(1024)], ['data.tar', '']]),
    /control archive has no file "control"/,
  ],
  [
    'a control file without a version',
    (directory) =>
      ar([binary, ['control.tar', controlTar(directory, 'Package: x\nArchitecture: all\n', 'cat')], ['data.tar', '']]),
    /it has no field Version/,
  ],
  [
    'a control archive that unpacks to gigabytes (gzip)',
    (directory) => bomb(directory, 'gz', 'gzip -9'),
    /unpacks to more than 16777216 bytes/,
  ],
  [
    'a control archive that unpacks to gigabytes (xz)',
    (directory) => bomb(directory, 'xz', 'xz -6'),
    /unpacks to more than/,
  ],
  [
    'a control archive that unpacks to gigabytes (zstd)',
    (directory) => bomb(directory, 'zst', 'zstd -19'),
    /unpacks to more than/,
  ],
  [
    'a zstd window of 2 GiB',
    () =>
      ar([
        binary,
        ['control.tar.zst', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, ...Array<number>(20).fill(0)])],
        ['data.tar', ''],
      ]),
    /window is larger/,
  ],
];

function bomb(directory: string, extension: string, filter: string): Buffer {
  const packed = execFileSync(
    'sh',
    [
      '-c',
      `cd "$0" && truncate -s 200M md5sums && echo x > control && tar -cf - ./md5sums ./control | ${filter}`,
      directory,
    ],
    {maxBuffer: 1e8},
  );
  return ar([binary, [`control.tar.${extension}`, packed], ['data.tar', '']]);
}

for (const [what, make, message] of malformed) {
  test(`${what} is refused with what is wrong`, async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'x.deb');
    writeFileSync(path, make(directory));
    const before = process.memoryUsage.rss();
    const error = await t.throwsAsync(readDeb(path, signal()), {instanceOf: BuildError, code: 'ARTIFACT_INVALID'});
    t.regex(error.message, message);
    t.true(process.memoryUsage.rss() - before < 300e6);
  });
}

test('a package cut off anywhere is refused or, in its data alone, never read wrongly', async (t) => {
  const directory = temporaryDirectory(t);
  for (const compression of ['gzip', 'xz', 'zstd', 'none']) {
    const whole = readFileSync(makeDeb(directory, `${compression}.deb`, compression));
    const path = join(directory, 'cut.deb');
    for (let length = 0; length < whole.length; length += 37) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      await t.throwsAsync(readDeb(path, signal()), {instanceOf: BuildError, code: 'ARTIFACT_INVALID'});
    }
  }
});

test('compressed control data that ends early inside its member is refused', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'x.deb');
  for (const [extension, filter] of [
    ['gz', 'gzip'],
    ['xz', 'xz'],
    ['zst', 'zstd'],
  ] as const) {
    const packed = controlTar(directory, portalControl, filter);
    for (const length of [0, 1, 10, Math.floor(packed.length / 2), packed.length - 30]) {
      writeFileSync(path, ar([binary, [`control.tar.${extension}`, packed.subarray(0, length)], ['data.tar', '']]));
      await t.throwsAsync(
        readDeb(path, signal()),
        {instanceOf: BuildError, code: 'ARTIFACT_INVALID'},
        `${extension} ${length}`,
      );
    }
  }
});

test('an aborted signal ends the reading with its reason', async (t) => {
  const path = makeDeb(temporaryDirectory(t), 'portal.deb');
  await t.throwsAsync(readDeb(path, AbortSignal.abort(new Error('stop'))), {message: 'stop'});
});
