import test from 'ava';
import {
  formatDeb822,
  parseDeb822Sources,
  parseSourcesList,
  readAptSources,
  sourcesOfSuite,
} from '../../engine/bases/apt-sources.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

const deb822 = `# the machine's mirrors
Types: deb deb-src
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
# a comment inside
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEabc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://mirror.test/debian-security
suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://mirror.test/off
Suites: bookworm
Components: main

Types: deb-src
URIs: http://mirror.test/debian
Suites: bookworm
Components: main
`;

test('deb822 sources are read with their options, and disabled or source-only ones are not', (t) => {
  const [first, second, ...rest] = parseDeb822Sources(deb822);
  t.deepEqual(rest, []);
  t.deepEqual(first?.uris, ['http://mirror.test/debian']);
  t.deepEqual(first?.suites, ['bookworm', 'bookworm-updates']);
  t.deepEqual(first?.components, ['main', 'contrib']);
  t.regex(first?.options.get('Signed-By') ?? '', /BEGIN PGP[^]*mDMEabc/);
  t.deepEqual(second?.suites, ['bookworm-security']);
});

test('one-line sources are read with their options in deb822 terms', (t) => {
  const [source, plain, ...rest] = parseSourcesList(
    [
      '# deb http://mirror.test/debian commented main',
      'deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/x.gpg] http://mirror.test/debian bookworm main contrib # why',
      'deb-src http://mirror.test/debian bookworm main',
      '  deb\thttp://mirror.test/local\t./',
      'deb',
    ].join('\n'),
  );
  t.deepEqual(rest, []);
  t.deepEqual(source?.components, ['main', 'contrib']);
  t.deepEqual(
    [...(source?.options ?? [])],
    [
      ['Architectures', 'amd64 arm64'],
      ['Signed-By', '/usr/share/keyrings/x.gpg'],
    ],
  );
  t.deepEqual(plain?.suites, ['./']);
});

test('a source is written as deb822 and read back the same', (t) => {
  const sources = parseDeb822Sources(deb822);
  t.deepEqual(parseDeb822Sources(sources.map((source) => formatDeb822(source, false)).join('\n')), sources);
});

test('user names and passwords in a URI do not get into the image', (t) => {
  const [source] = parseSourcesList('deb https://user:p4ss@mirror.test/debian bookworm main');
  t.truthy(source);
  if (source === undefined) return;
  t.notRegex(formatDeb822(source, true), /p4ss|user/);
  t.regex(formatDeb822(source, false), /user:p4ss@mirror\.test/);
});

test('sources.list comes first, then the files of sources.list.d by name, and others do not count', async (t) => {
  const directory = temporaryDirectory(t);
  writeTree(directory, {
    'sources.list': 'deb http://a.test/ bookworm main\n',
    'sources.list.d/2.sources': 'Types: deb\nURIs: http://c.test/\nSuites: bookworm\nComponents: main\n',
    'sources.list.d/1.list': 'deb http://b.test/ bookworm main\n',
    'sources.list.d/0.list.disabled': 'deb http://no.test/ bookworm main\n',
  });
  t.deepEqual(
    (await readAptSources(directory)).map(({uris}) => uris[0]),
    ['http://a.test/', 'http://b.test/', 'http://c.test/'],
  );
  t.deepEqual(await readAptSources(`${directory}/missing`), []);
});

const selection = test.macro({
  exec(t, suite: string, expected: readonly string[], derived: boolean) {
    const found = sourcesOfSuite(parseDeb822Sources(deb822), suite, 'bookworm');
    t.deepEqual(
      found.map(({source}) => source.suites[0]),
      [...expected],
    );
    t.true(found.every((one) => one.derived === derived));
  },
  title: (_, suite: string) => `the sources of ${suite} on a machine of another or the same release`,
});
test(selection, 'bookworm', ['bookworm', 'bookworm-updates', 'bookworm-security'], false);
test(selection, 'trixie', ['trixie', 'trixie-updates', 'trixie-security'], true);
test(selection, 'sid', ['sid'], true);

test('a machine without Debian sources has none for a suite', (t) => {
  t.deepEqual(sourcesOfSuite([], 'bookworm', 'bookworm'), []);
  t.deepEqual(sourcesOfSuite(parseDeb822Sources(deb822), 'trixie', undefined), []);
});
