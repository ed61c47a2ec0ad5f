import {execFile} from 'node:child_process';
import {join, resolve} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';
import Docker from 'dockerode';
import test from 'ava';
import {namesIn, workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, leftovers} from '../helpers/daemon.js';
import {available} from '../helpers/requirement.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const run = promisify(execFile);

const interrupted = test.macro<[number | string]>({
  async exec(t, moment) {
    const daemon = daemonOrSkip(t, 'debian');
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const {cli, temporary, run: label, root, tag} = workshop(t, daemon);
    const stdin = `FROM ${base} AS one\nLABEL run=${label}\nCOPY . /in/\nRUN echo made > /a && echo begun && sleep 3600 && echo ${label}\nFROM ${base}\nLABEL run=${label}\nCOPY --from=one /a /a\n`;
    const ended = await cli(['--driver', 'docker', '-t', tag, '-f', '-', '--progress', 'plain', '.'], {
      stdin,
      ...(typeof moment === 'number' ? {signalAfter: moment} : {signalOn: moment}),
    });
    // Before the program has loaded there is nothing that could answer: the signal ends it as any other.
    const early = ended.status === null && ended.stderr === '';
    t.true(
      ended.status === 130 || (early && (moment === 50 || moment === 200)),
      `${String(ended.status)} ${ended.stderr}`,
    );
    t.true(ended.secondsAfterSignal < 1.5, `${ended.secondsAfterSignal} s`);
    if (!early) {
      t.regex(ended.stderr, /^build-image: cancelled \(SIGINT\)$/m);
      t.notRegex(ended.stderr, /^\s+at .*:\d+:\d+/m);
    }
    t.log(`${ended.secondsAfterSignal.toFixed(2)} s after the signal`);
    t.deepEqual(namesIn(temporary), []);
    t.deepEqual(namesIn(join(root, 'artifacts')), []);
    const running = async () => (await daemon.docker.listContainers()).filter(({Command}) => Command.includes(label));
    for (let waited = 0; (await running()).length > 0 && waited < 10_000; waited += 100) await sleep(100);
    t.deepEqual(await running(), []);
    t.deepEqual(await leftovers(daemon, `run=${label}`), {containers: [], untagged: []});
  },
  title: (_, moment) =>
    typeof moment === 'number'
      ? `Ctrl-C after ${moment} ms ends the build at once and leaves nothing`
      : `Ctrl-C while ${JSON.stringify(moment)} shows ends the build at once and leaves nothing`,
});
for (const moment of [50, 200, 500, 1000, 2000, 'load build definition', 'begun']) test.serial(interrupted, moment);

test.serial('--timeout ends the build with exit status 1', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const base = await busyboxImage(daemon);
  const {cli, run: label} = workshop(t, daemon);
  const stdin = `FROM ${base}\nLABEL run=${label}\nRUN sleep 3600\n`;
  const ended = await cli(['--driver', 'docker', '-f', '-', '--timeout', '2s', '.'], {stdin});
  t.is(ended.status, 1, ended.stderr);
  t.true(ended.seconds < 8, `${ended.seconds}`);
  t.regex(ended.stderr, /^build-image: .*--timeout 2s/m);
  t.deepEqual(await leftovers(daemon, `run=${label}`), {containers: [], untagged: []});
});

test.serial('a daemon that is killed in the middle of a build is told, with exit status 3', async (t) => {
  t.timeout(120_000);
  if (!available(t, process.getuid?.() === 0, 'a daemon of its own needs root')) return;
  const directory = temporaryDirectory(t);
  const dockerd = (command: string) => run(resolve('scripts/dockerd'), [command, '--dir', join(directory, 'd')]);
  await dockerd('start');
  t.teardown(() => dockerd('stop'));
  const socket = join(directory, 'd/docker.sock');
  const daemon = {
    kind: 'debian',
    socket,
    endpoint: {kind: 'unix', path: socket, from: 'default'},
    docker: new Docker({host: undefined, socketPath: socket}),
  } as const;
  const base = await busyboxImage(daemon);
  const pid = Number((await run('cat', [join(directory, 'd/dockerd.pid')])).stdout);
  const {cli, temporary, root} = workshop(t, daemon);
  let killed = Number.NaN;
  const ended = await cli(['--driver', 'docker', '-t', 'lost', '-f', '-', '--progress', 'plain', '.'], {
    stdin: `FROM ${base} AS one\nRUN echo begun && sleep 3600\nFROM ${base}\nCOPY --from=one /a /a\n`,
    onProgress: (soFar) => {
      if (!/^#\d+ [\d.]+ begun$/m.test(soFar) || !Number.isNaN(killed)) return;
      killed = performance.now();
      process.kill(pid, 'SIGKILL');
    },
  });
  t.is(ended.status, 3, ended.stderr);
  t.regex(ended.stderr, /^build-image: .*the connection to the daemon broke/m);
  t.regex(ended.stderr, /build again/);
  t.notRegex(ended.stderr, /^\s+at .*:\d+:\d+/m);
  t.true(performance.now() - killed < 3000);
  t.deepEqual(namesIn(temporary), []);
  t.deepEqual(namesIn(join(root, 'artifacts')), []);
});
