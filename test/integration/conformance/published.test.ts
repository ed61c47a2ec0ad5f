import {BuildError} from '../../../engine/base/errors.js';
import {asRoot} from '../../helpers/root.js';
import {temporaryDirectory} from '../../helpers/temporary.js';
import type {Tree} from './case.js';
import {buildFiles} from './file-build.js';
import {listTree} from './listing.js';

// COPY --parents came with the frontend 1.20, which no daemon in Debian has yet: what is expected here is what the
// published reference says ("COPY --parents").
const context: Tree = {
  'a.txt': 'a\n',
  'd/one.txt': {content: '1\n', mode: 0o600},
  'd/sub/deep.txt': 'deep\n',
  'd/sub': {directory: true, mode: 0o700},
  'd/sub/more/last.txt': 'last\n',
  'e/sub/deep.txt': 'other\n',
  'e/empty': {directory: true},
  'f/sub/other.txt': 'another\n',
};

/** Path, type and mode of everything; or why it is refused. */
const table: readonly (readonly [title: string, instruction: string, expected: readonly string[] | RegExp])[] = [
  [
    'a file keeps its directories, with their modes',
    'COPY --parents d/sub/deep.txt /x/',
    ['x 755', 'x/d 755', 'x/d/sub 700', 'x/d/sub/deep.txt 644'],
  ],
  ['a file at the top has none', 'COPY --parents a.txt /x/', ['x 755', 'x/a.txt 644']],
  ['a destination without a slash is a directory', 'COPY --parents a.txt /x', ['x 755', 'x/a.txt 644']],
  ['a relative destination', 'WORKDIR /w\nCOPY --parents d/one.txt .', ['w 755', 'w/d 755', 'w/d/one.txt 600']],
  [
    'a leading slash or dot makes no difference',
    'COPY --parents /a.txt ./d/one.txt /x/',
    ['x 755', 'x/a.txt 644', 'x/d 755', 'x/d/one.txt 600'],
  ],
  [
    'a directory',
    'COPY --parents d/sub/more /x/',
    ['x 755', 'x/d 755', 'x/d/sub 700', 'x/d/sub/more 755', 'x/d/sub/more/last.txt 644'],
  ],
  [
    'a wildcard',
    'COPY --parents */sub/*.txt /x/',
    [
      'x 755',
      'x/d 755',
      'x/d/sub 700',
      'x/d/sub/deep.txt 644',
      'x/e 755',
      'x/e/sub 755',
      'x/e/sub/deep.txt 644',
      'x/f 755',
      'x/f/sub 755',
      'x/f/sub/other.txt 644',
    ],
  ],
  [
    'two stars',
    'COPY --parents d/**/last.txt /x/',
    ['x 755', 'x/d 755', 'x/d/sub 700', 'x/d/sub/more 755', 'x/d/sub/more/last.txt 644'],
  ],
  ['two stars match no directory too', 'COPY --parents **/a.txt /x/', ['x 755', 'x/a.txt 644']],
  [
    'directories in front of a pivot are left out',
    'COPY --parents d/./sub/deep.txt /x/',
    ['x 755', 'x/sub 700', 'x/sub/deep.txt 644'],
  ],
  [
    'the first of two pivots counts',
    'COPY --parents d/./sub/./deep.txt /x/',
    ['x 755', 'x/sub 700', 'x/sub/deep.txt 644'],
  ],
  [
    'a pivot at the end is none',
    'COPY --parents d/sub/more/. /x/',
    ['x 755', 'x/d 755', 'x/d/sub 700', 'x/d/sub/more 755', 'x/d/sub/more/last.txt 644'],
  ],
  [
    'a wildcard in front of a pivot takes every match',
    'COPY --parents [ef]/./sub/*.txt /x/',
    ['x 755', 'x/sub 755', 'x/sub/deep.txt 644', 'x/sub/other.txt 644'],
  ],
  ['a wildcard behind a pivot', 'COPY --parents d/./*/*.txt /x/', ['x 755', 'x/sub 700', 'x/sub/deep.txt 644']],
  [
    'exclude',
    'COPY --parents --exclude=**/more d/sub /x/',
    ['x 755', 'x/d 755', 'x/d/sub 700', 'x/d/sub/deep.txt 644'],
  ],
  [
    'several sources',
    'COPY --parents a.txt e/sub/deep.txt /x/',
    ['x 755', 'x/a.txt 644', 'x/e 755', 'x/e/sub 755', 'x/e/sub/deep.txt 644'],
  ],
  ['=false is none', 'COPY --parents=false d/one.txt /x/', ['x 755', 'x/one.txt 600']],
  ['a path that is not there', 'COPY --parents d/none.txt /x/', /none\.txt/],
  ['a path behind a pivot that is not there', 'COPY --parents d/./none.txt /x/', /none\.txt/],
  ['ADD has no such flag', 'ADD --parents a.txt /x/', /no flag --parents/],
];

for (const [title, instruction, expected] of table) {
  asRoot(`COPY --parents: ${title}`, async (t) => {
    const one = {name: title, dockerfile: `FROM scratch\n${instruction}\n`, context};
    const build = buildFiles(one, temporaryDirectory(t), AbortSignal.timeout(60_000));
    if (expected instanceof RegExp) {
      const error = await t.throwsAsync(build, {instanceOf: BuildError});
      t.regex(error.message, expected);
      return;
    }
    const found = listTree(await build).map((line) => line.replace(/^(\S+) (?:dir|file) 0?(\d+) .*$/, '$1 $2'));
    t.deepEqual(found, [...expected]);
  });
}
