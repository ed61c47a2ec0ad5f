import {readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {makeDeb, portalControl} from '../artifacts/make-deb.js';
import {type Answer, namesIn, workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, leftovers} from '../helpers/daemon.js';

test('outputs: a directory, a tar file and a tar on standard output', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, temporary} = workshop(t, daemon, {
    Dockerfile: 'FROM scratch\nCOPY a.txt dir /out/\n',
    'a.txt': 'content',
    'dir/run.sh': {mode: 0o755, content: '#!/bin/sh\n'},
    'dir/ü.txt': 'unicode',
  });
  const local = await cli(['--driver', 'docker', '-o', 'type=local,dest=tree']);
  t.is(local.status, 0, local.stderr);
  t.deepEqual(namesIn(join(root, 'tree/out')), ['a.txt', 'run.sh', 'ü.txt']);
  t.is(readFileSync(join(root, 'tree/out/a.txt'), 'utf8'), 'content');
  t.is(statSync(join(root, 'tree/out/run.sh')).mode & 0o777, 0o755);
  t.regex(local.stdout, /tree/);
  const file = await cli(['--driver', 'docker', '-o', 'type=tar,dest=out.tar', '-o', 'plain-directory']);
  t.is(file.status, 0, file.stderr);
  t.deepEqual(namesIn(join(root, 'plain-directory')), ['out']);
  t.true(readFileSync(join(root, 'out.tar'), 'latin1').includes('out/a.txt'));
  const stdout = await cli(['--driver', 'docker', '-o', '-']);
  t.is(stdout.status, 0, stdout.stderr);
  t.true(stdout.stdout.includes('out/a.txt'));
  t.notRegex(stdout.stdout, /^image /m);
  t.deepEqual(namesIn(temporary), []);
});

test('artifacts: patterns, several packages, and what there is where nothing matches', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, tag, run, temporary} = workshop(t, daemon, {
    Dockerfile: [
      'FROM scratch AS builder',
      'LABEL run=RUN',
      'COPY a.deb portal_1.0-2_amd64.deb',
      'COPY a.deb b.deb notes.txt /out/',
      'FROM scratch AS other',
      'COPY notes.txt /other/',
      'FROM scratch',
      'LABEL run=RUN',
      'COPY --from=builder /out /in',
      '',
    ].join('\n'),
    'notes.txt': 'notes',
  });
  makeDeb(root, 'a.deb');
  makeDeb(root, 'b.deb', 'xz', portalControl.replaceAll('portal', 'second'));
  const edited = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('RUN', run);
  const args = ['--driver', 'docker', '-t', tag, '-f', '-', '--json'];
  const build = (...more: string[]) => cli([...args, ...more], {stdin: edited});
  const both = await build();
  t.is(both.status, 0, both.stderr);
  t.deepEqual(
    (JSON.parse(both.stdout) as Answer).artifacts.map((each) => [each.package, each.version, each.architecture]).sort(),
    [
      ['portal', '1:1.0-2', 'amd64'],
      ['second', '1:1.0-2', 'amd64'],
    ],
  );
  t.is(namesIn(join(root, 'artifacts')).length, 2);
  const chosen = await build('--artifact', '/out/*.txt', '--artifact', 'other:/other/*', '--artifacts-dir', 'chosen');
  t.regex(chosen.stderr, /notes\.txt/);
  const one = await build('--artifact', 'builder:/out/b*.deb', '--artifacts-dir', 'one');
  t.is(one.status, 0, one.stderr);
  t.is(namesIn(join(root, 'one')).length, 1);
  const missing = await build('--artifact', 'builder:/out/*.rpm', '--artifacts-dir', 'none');
  t.is(missing.status, 1);
  t.regex(missing.stderr, /\*\.rpm/);
  t.regex(missing.stderr, /a\.deb|notes\.txt/, 'the error lists what is there');
  t.deepEqual(namesIn(join(root, 'none')), []);
  const without = await build('--no-artifacts', '--artifacts-dir', 'without');
  t.is(without.status, 0, without.stderr);
  t.deepEqual(namesIn(join(root, 'without')), []);
  t.deepEqual(await leftovers(daemon, `run=${run}`), {containers: [], untagged: []});
  t.deepEqual(namesIn(temporary), []);
});

test('a builder that makes no package is an error that lists what is there', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, root, run, tag} = workshop(t, daemon, {
    Dockerfile: `FROM ${base} AS builder\nLABEL run=RUN\nRUN mkdir /out && touch /out/portal.changes  # dpkg-buildpackage\nFROM ${base}\nLABEL run=RUN\nCOPY --from=builder /out /out\n`,
  });
  const stdin = readFileSync(join(root, 'Dockerfile'), 'utf8')
    .replaceAll('RUN=', '')
    .replaceAll('run=RUN', `run=${run}`);
  const {status, stderr} = await cli(['--driver', 'docker', '-t', tag, '-f', '-', '--artifact', 'builder:/out/*.deb'], {
    stdin,
  });
  t.is(status, 1, stderr);
  t.regex(stderr, /portal\.changes/);
  t.deepEqual(namesIn(join(root, 'artifacts')), []);
  t.deepEqual(await leftovers(daemon, `run=${run}`), {containers: [], untagged: []});
});
