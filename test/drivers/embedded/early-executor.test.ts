import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {startEarly} from '../../../engine/drivers/embedded/early-executor.js';
import {type CliRun, runCli} from '../../helpers/cli.js';
import {available} from '../../helpers/requirement.js';
import {missingForRoot} from '../../helpers/step-executor.js';
import {temporaryDirectory} from '../../helpers/temporary.js';

test('an executor that is not needed ends whenever it is dropped, also while it starts', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  t.timeout(60_000);
  for (let delay = 0; delay < 30; delay += 0.5) {
    const early = startEarly(false);
    await sleep(delay);
    const ended = early.drop().then(() => true);
    t.true(await Promise.race([ended, sleep(10_000, false, {ref: false})]), `after ${delay} ms`);
  }
});

test('it is taken once, and whoever started it waits for its end', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const early = startEarly(false);
  const executor = await early.take();
  t.is(early.take(), undefined);
  void executor?.kill();
  await early.drop();
  t.not(executor?.channel.signalCode, null);
  await early.drop();
});

test('where none can be started, a build that needs none is made, and one that does says what is missing', async (t) => {
  const {cli, put} = workshopWithoutPath(t);
  put('FROM scratch\nLABEL a=b\n');
  const made = await cli();
  t.is(made.status, 0, made.stderr);
  put('FROM scratch\nCOPY Dockerfile /\n');
  const refused = await cli();
  t.is(refused.status, 3, refused.stderr);
  t.regex(refused.stderr, /setpriv is not installed\nInstall it: /);
});

/** Nothing that Node would start is found. */
function workshopWithoutPath(t: ExecutionContext): {cli: () => Promise<CliRun>; put: (dockerfile: string) => void} {
  const root = temporaryDirectory(t);
  const flags = ['--driver', 'embedded', '--no-compose', '--no-artifacts', '--root', join(root, 'store')];
  return {
    cli: () => runCli(['build', root, ...flags], {env: {PATH: '/nonexistent'}}),
    put: (dockerfile) => writeFileSync(join(root, 'Dockerfile'), dockerfile),
  };
}
