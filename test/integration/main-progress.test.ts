import test from 'ava';
import {workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, type DaemonKind} from '../helpers/daemon.js';

const heredocs = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const {cli, tag} = workshop(t, daemon, {
      Dockerfile: `FROM ${base}\nARG T=t\nCOPY <<EOF <<"RAW" /d/\n$T\nEOF\n$T\nRAW\nRUN <<EOF\ncat /d/EOF\ncat /d/RAW\nEOF\n`,
    });
    const {status, stderr} = await cli(['--driver', 'docker', '-t', tag, '--no-cache', '--progress', 'plain']);
    if (kind === 'current') {
      t.is(status, 0, stderr);
      t.regex(stderr, /^#\d+ [\d.]+ t\n#\d+ [\d.]+ \$T$/m);
    } else {
      t.is(status, 2, stderr);
      t.regex(stderr, /Dockerfile:3: .*here-document/i);
    }
  },
  title: (_, kind) =>
    kind === 'current'
      ? 'here-documents are built'
      : 'here-documents that the daemon does not know are said beforehand',
});
test(heredocs, 'debian');
test(heredocs, 'current');

test('a build goes on when nobody reads its progress any more', async (t) => {
  const {cli} = workshop(t, undefined, {Dockerfile: 'FROM scratch\nCOPY a /\n', a: 'a'});
  // The pipe's reader has ended long before the first line comes.
  const shell = 'exec 3>&1; { "$0" "$@" 2>&1 >&3; echo "status $?" >&3; } | true';
  const build = ['--driver', 'embedded', '-t', 'unread'];
  t.regex((await cli(build, {prefix: ['sh', '-c', shell]})).stdout, /^tag +unread\nstatus 0\n$/m);
  t.regex((await cli(['plan', 'absent'], {prefix: ['sh', '-c', shell]})).stdout, /^status 2$/m);
});

test('progress: plain, rawjson and quiet', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, tag} = workshop(t, daemon, {Dockerfile: `FROM ${base} as one\nRUN echo out; echo err >&2\n`});
  const args = ['--driver', 'docker', '-t', tag, '--no-cache', '--progress'];
  const raw = await cli([...args, 'rawjson']);
  t.is(raw.status, 0, raw.stderr);
  const events = raw.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const types = new Set([
    'step-started',
    'step-log',
    'step-progress',
    'step-done',
    'step-cached',
    'warning',
    'note',
    'result',
  ]);
  for (const event of events) {
    t.regex(String(event['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    t.true(types.has(String(event['type'])), JSON.stringify(event));
    if (String(event['type']).startsWith('step-')) t.is(typeof event['step'], 'string');
  }
  t.deepEqual(
    events
      .filter(({type}) => type === 'step-log')
      .map(({stream, text}) => [stream, text])
      .sort(),
    [
      ['stderr', 'err\n'],
      ['stdout', 'out\n'],
    ],
  );
  // What belongs to no stage (loading the Dockerfile) may pause, and end again.
  for (const {step} of events.filter((event) => event['type'] === 'step-started' && 'stage' in event)) {
    const ends = events.filter(({type, step: id}) => id === step && (type === 'step-done' || type === 'step-cached'));
    t.is(ends.length, 1, `a step ends once: ${JSON.stringify(ends)}`);
  }
  t.like(events.at(-1), {type: 'result', tags: [tag], steps: {ran: 1, cached: 1}});
  t.like(
    events.find(({type, rule}) => type === 'warning' && rule === 'FromAsCasing'),
    {line: 1},
  );

  const plain = await cli([...args, 'plain']);
  t.regex(plain.stderr, /^#\d+ [\d.]+ out$/m);
  t.regex(plain.stderr, /1 step ran/);
  t.notRegex(plain.stderr, /\u001b/, 'no escape sequences without a terminal');
  const auto = await cli([...args, 'auto'], {env: {NO_COLOR: '1', TERM: 'xterm-256color'}});
  t.notRegex(auto.stderr, /\u001b/);
  const quiet = await cli(['--driver', 'docker', '-t', tag, '-q']);
  t.is(quiet.stderr.includes('out'), false);
  t.regex(quiet.stdout, /^sha256:[0-9a-f]{64}\n$/);
  const quietMode = await cli(['--driver', 'docker', '-t', tag, '--progress', 'quiet']);
  t.notRegex(quietMode.stderr, /#\d/);
});
