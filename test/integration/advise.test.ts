import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import type {Finding} from '../../engine/job/advise/finding.js';
import {writeBusybox} from '../helpers/busybox-tree.js';
import {type CliRun, workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const dockerfile = `FROM scratch AS builder
COPY rootfs /
ARG LATE=1
ARG IDLE=1
RUN sleep 0.2; echo one > /one
RUN echo two > /two
RUN echo "$LATE" > /late
COPY src/ /src/
RUN sleep 0.3; echo three > /three
RUN cat /src/used.txt > /used
RUN echo "$IDLE" > /idle
FROM scratch AS app
ARG LABELLED=1
COPY --from=builder /late /used /three /
LABEL version=$LABELLED
`;

test('advise names what changed no result and what to move, and nothing that mattered', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root} = workshop(t, undefined, {
    Dockerfile: dockerfile,
    'src/used.txt': 'used 1\n',
    'src/notes.txt': 'notes 1\n',
    'docs/manual.txt': 'never read\n',
    'docs/more/help.txt': 'never read\n',
  });
  writeBusybox(join(root, 'rootfs'));
  const succeeded = (run: CliRun): CliRun => (t.is(run.status, 0, run.stderr), run);
  const advise = async (): Promise<{builds: number; findings: readonly Finding[]}> =>
    JSON.parse(succeeded(await cli(['advise', '--no-compose', '--json'])).stdout) as {
      builds: number;
      findings: Finding[];
    };
  const given = new Map([
    ['LATE', '1'],
    ['IDLE', '1'],
    ['LABELLED', '1'],
    ['NOWHERE', '1'],
  ]);
  const build = async (): Promise<void> => {
    const args = [...given].flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
    succeeded(await cli(['build', '--driver', 'embedded', '--no-compose', '--no-artifacts', '-q', ...args]));
  };
  const none = succeeded(await cli(['advise', '--no-compose']));
  t.regex(none.stdout, /^Dockerfile: 0 past builds looked at: too few to compare/);
  await build();
  for (const name of ['LATE', 'IDLE', 'LABELLED']) {
    given.set(name, '2');
    await build();
  }
  for (const name of ['notes', 'used']) {
    writeFileSync(join(root, `src/${name}.txt`), `${name} 2\n`);
    await build();
  }
  const {builds, findings} = await advise();
  t.is(builds, 6);
  const told = findings.map(({kind, line, names}) => `${kind} ${line} ${names.join()}`);
  t.deepEqual(told.toSorted(), [
    'arg 0 NOWHERE',
    'arg 4 IDLE',
    'files 8 src/notes.txt',
    'move 3 LATE',
    'move 4 IDLE',
    'move 8 src/',
    'unread 0 docs/',
  ]);
  const seconds = findings.map((finding) => finding.seconds);
  t.deepEqual(
    seconds,
    seconds.toSorted((a, b) => b - a),
  );
  const late = findings.find(({kind, line}) => kind === 'move' && line === 3);
  t.regex(late?.text ?? '', /^move it below line 6: 2 steps that do not need it ran again for it in 1 build$/);
  t.true((late?.seconds ?? 0) > 0.2 && (late?.seconds ?? 0) < 5);
  const copy = findings.find(({kind, line}) => kind === 'move' && line === 8);
  t.regex(copy?.text ?? '', /^move it below line 9: 1 step that does not need it ran again for it in 2 builds$/);
  t.true((copy?.seconds ?? 0) > 0.6);
  const {stdout} = succeeded(await cli(['advise', '--no-compose']));
  t.regex(stdout, /^Dockerfile:3: ARG LATE=1\n {4}move it below line 6: .* \(\d/m);
  t.regex(stdout, /^Dockerfile: 6 past builds looked at, 7 findings\n$/m);
  t.regex(succeeded(await cli(['advise', '--no-compose', '--last', '1'])).stdout, /1 past build looked at: too few/);
  const bad = await cli(['advise', '--last', 'x']);
  t.is(bad.status, 2);
  t.notRegex(bad.stderr, / {4}at /);
});
