import {closeSync, openSync, readFileSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const build = ['build', '--driver', 'embedded', '--no-compose', '--no-artifacts', '--progress', 'plain'];

test('a file that is written to while it is copied is never found under the key of what it was', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const many = Object.fromEntries(Array.from({length: 400}, (_, index) => [`app/f${index}`, 'x'.repeat(2000)]));
  const {cli, root} = workshop(t, undefined, {...many, 'app/Dockerfile': 'FROM scratch\nCOPY . /\n', 'app/z': 'A'});
  const file = join(root, 'app/z');
  for (let round = 0; round < 4; round++) {
    const contents = [`A${round}`, `B${round}`];
    const descriptor = openSync(file, 'w');
    // In place, so that it always has one of the two.
    let writes = 0;
    const write = (): unknown => writeSync(descriptor, contents[writes++ % 2] ?? '', 0);
    write();
    const writer = setInterval(write, 3);
    const during = await cli([...build, 'app']);
    clearInterval(writer);
    closeSync(descriptor);
    if (during.status !== 0)
      t.regex(during.stderr, /a file of the build context was written to while the step read it/);
    for (const content of contents) {
      writeFileSync(file, content);
      const after = await cli([...build, '-o', `type=local,dest=out-${content}`, 'app']);
      t.is(after.status, 0, after.stderr);
      t.is(readFileSync(join(root, `out-${content}/z`), 'utf8'), content);
    }
  }
});
