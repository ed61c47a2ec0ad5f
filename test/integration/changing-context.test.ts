import {readFileSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const dockerfile = 'FROM scratch AS all\nCOPY . /\nFROM scratch\nCOPY --from=all /z /\n';
const build = ['build', '--driver', 'embedded', '--no-compose', '--no-artifacts', '--progress', 'plain'];

test('a file that is written to while it is copied is not found under the key of what it was', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root} = workshop(t, undefined, {'app/Dockerfile': dockerfile, 'app/big': '', 'app/z': ''});
  const file = join(root, 'app/z');
  // Copied first: while that lasts, there is time to write to the other.
  truncateSync(join(root, 'app/big'), 150_000_000);
  for (const [round, [before, after]] of [
    ['A', 'B'],
    ['C', 'D'],
  ].entries()) {
    writeFileSync(file, before ?? '');
    let written = false;
    const onProgress = (soFar: string): void => {
      // The key is made then, and the step has begun.
      if (written || !soFar.includes('COPY . /')) return;
      written = true;
      writeFileSync(file, after ?? '');
    };
    const during = await cli([...build, 'app'], {onProgress});
    t.true(written);
    if (during.status !== 0) t.regex(during.stderr, /was written to while it was copied/);
    for (const content of [before, after]) {
      writeFileSync(file, content ?? '');
      const dest = `out-${round}-${content ?? ''}`;
      const built = await cli([...build, '-o', `type=local,dest=${dest}`, 'app']);
      t.is(built.status, 0, built.stderr);
      t.is(readFileSync(join(root, dest, 'z'), 'utf8'), content ?? '');
    }
  }
});
