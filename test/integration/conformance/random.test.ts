import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {daemonOrSkip} from '../../helpers/daemon.js';
import {asRoot} from '../../helpers/root.js';
import {baseArchive, importBases} from './bases.js';
import {buildOnDaemon} from './daemon-build.js';
import {buildImage} from './image-build.js';
import {differences, filesOnly} from './random/compare.js';
import {randomCase} from './random/dockerfile.js';

/** BUILD_IMAGE_RANDOM_SECONDS makes it a longer run, BUILD_IMAGE_RANDOM_SEED begins elsewhere; scripts/random-conformance shrinks. */
const seconds = Number(process.env['BUILD_IMAGE_RANDOM_SECONDS'] ?? 25);
const first = Number(process.env['BUILD_IMAGE_RANDOM_SEED'] ?? 1);
const [least, most] = [8, process.env['BUILD_IMAGE_RANDOM_SECONDS'] === undefined ? 40 : Infinity];
/** Debian's client: it speaks BuildKit without a plugin. */
const client = '/usr/bin/docker';

const base = mkdtempSync(join(tmpdir(), 'build-image-test-'));
test.after.always(() => rmSync(base, {recursive: true, force: true}));

asRoot('random Dockerfiles give the same verdicts and files as with BuildKit', async (t) => {
  t.timeout((seconds + 240) * 1000);
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const env = {...process.env, DOCKER_HOST: `unix://${daemon.socket}`};
  const store = join(base, 'store');
  mkdirSync(join(base, 'bases'));
  execFileSync(client, ['load', '-q', '-i', baseArchive(base)], {env, stdio: 'ignore'});
  await importBases(store, join(base, 'bases'));
  const end = performance.now() + seconds * 1000;
  let built = 0;
  let seed = first;
  for (; seed - first < least || (performance.now() < end && seed - first < most); seed++) {
    const one = randomCase(seed, 'old');
    const work = join(base, `seed-${seed}`);
    mkdirSync(work);
    const [theirs, ours] = await Promise.all([
      buildOnDaemon(one, {command: client, buildx: false, env}, base, (log) => log.slice(-400)),
      buildImage(one, store, work),
    ]);
    if (!('error' in ours)) built++;
    t.deepEqual(differences(filesOnly(theirs), filesOnly(ours)), [], `seed ${seed}:\n${one.dockerfile}`);
    rmSync(work, {recursive: true});
  }
  t.log(`${seed - first} Dockerfiles, ${built} of them built`);
  t.true(built > 0, 'some were built');
});
