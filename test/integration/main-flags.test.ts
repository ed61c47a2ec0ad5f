import test from 'ava';
import {type Answer, workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip} from '../helpers/daemon.js';

test('an argument that nothing declares is reported with the nearest name', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, tag} = workshop(t, daemon, {
    Dockerfile:
      'FROM scratch\nARG VERSION=1\nARG TARGETARCH\nLABEL v=$VERSION arch=$TARGETARCH env=$E\nENV E=1 F=${VERSION}\nLABEL f=$F\n',
    'args.txt': '\ufeff# comment\nVERSION=from-file\n',
  });
  const misspelt = await cli(['--driver', 'docker', '-t', tag, '--json', '--build-arg', 'VERSOIN=2']);
  t.is(misspelt.status, 0, misspelt.stderr);
  const warnings = (JSON.parse(misspelt.stdout) as Answer).warnings.filter(({rule}) => rule === 'UnusedBuildArg');
  t.is(warnings.length, 1);
  t.regex(warnings[0]?.message ?? '', /VERSOIN.*VERSION/);
  t.regex(misspelt.stderr, /VERSOIN.*VERSION/);
  const labels = async (): Promise<Record<string, string>> =>
    (await daemon.docker.getImage(tag).inspect()).Config.Labels;
  t.is((await labels())['v'], '1');
  t.regex((await labels())['arch'] ?? '', /^(?:amd64|arm64)$/);
  const fromFile = await cli(['--driver', 'docker', '-t', tag, '--build-arg-file', 'args.txt']);
  t.is(fromFile.status, 0, fromFile.stderr);
  t.is((await labels())['v'], 'from-file');
  const fromEnvironment = await cli(['--driver', 'docker', '-t', tag, '--build-arg', 'VERSION'], {env: {VERSION: 'e'}});
  t.is(fromEnvironment.status, 0, fromEnvironment.stderr);
  t.is((await labels())['v'], 'e');
});

test('--env overrides an ENV of every stage or of one, and keeps line numbers', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, tag} = workshop(t, daemon, {
    Dockerfile: `FROM ${base} AS one\nENV A=1 \\\n    B=2\nRUN echo "$A $B" > /a\nFROM ${base}\nENV A=1 B=2\nCOPY --from=one /a /a\nRUN echo "$A $B" > /b && cat /a /b\nLABEL a=$A b=$B\n`,
    broken: `FROM ${base}\nENV A=1\nRUN exit 3\n`,
  });
  const args = ['--driver', 'docker', '-t', tag, '--progress', 'plain', '--no-artifacts'];
  const all = await cli([...args, '--no-cache', '--env', 'A=x y', '--env', 'one:B=$HOME"\'']);
  t.is(all.status, 0, all.stderr);
  t.regex(all.stderr, /\d x y \$HOME"'$/m);
  t.regex(all.stderr, /\d x y 2$/m);
  t.deepEqual((await daemon.docker.getImage(tag).inspect()).Config.Labels, {a: 'x y', b: '2'});
  const undeclared = await cli([...args, '--env', 'C=1']);
  t.not(undeclared.status, 0);
  t.regex(undeclared.stderr, /C\b/);
  const twoLines = await cli([...args, '-f', 'broken', '--env', 'A=2\n3']);
  t.is(twoLines.status, 2);
  t.regex(twoLines.stderr, /line break/);
  const failing = await cli([...args, '-f', 'broken', '--env', 'A=2 3']);
  t.is(failing.status, 1);
  t.regex(failing.stderr, /broken:3: .*exit code 3/);
});

test('target, labels, network, the cache and the platform are as the flags say', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, tag, run} = workshop(t, daemon, {
    Dockerfile: `FROM ${base} AS one\nLABEL run=RUN\nRUN ls /sys/class/net > /net\nFROM one AS two\nRUN cat /net\nFROM two AS three\nRUN exit 1\n`,
  });
  const args = ['--driver', 'docker', '-t', tag, '--target', 'two', '--json', '--label', `run=${run}`];
  const none = await cli([...args, '--no-cache', '--network', 'none', '--progress', 'plain', '--label', 'empty']);
  t.is(none.status, 0, none.stderr);
  t.regex(none.stderr, /^#\d+ [\d.]+ lo$/m);
  t.notRegex(none.stderr, /^#\d+ [\d.]+ eth0$/m);
  t.deepEqual((await daemon.docker.getImage(tag).inspect()).Config.Labels, {run, empty: ''});
  const steps = async (...more: string[]) => {
    const built = await cli([...args, '--network', 'none', ...more]);
    t.is(built.status, 0, built.stderr);
    return (JSON.parse(built.stdout) as Answer).steps;
  };
  t.is((await steps()).ran, 0);
  t.true((await steps('--no-cache')).ran >= 2);
  t.is((await steps('--no-cache-filter', 'two')).ran, 1);
  t.is((await steps('--platform', 'linux/amd64')).ran, 0);
  const unknown = await cli([...args, '--platform', 'amd46']);
  t.is(unknown.status, 2);
  t.regex(unknown.stderr, /amd46.*amd64/);
});
