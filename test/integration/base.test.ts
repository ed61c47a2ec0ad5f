import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {createReadStream, existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import test, {type ExecutionContext} from 'ava';
import {makeBase} from '../../engine/bases/debian.js';
import {writeDockerArchive} from '../../engine/bases/docker-archive.js';
import type {BuildEventBody} from '../../engine/progress/events.js';
import {available} from '../helpers/requirement.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const never = new AbortController().signal;
const usable = (t: ExecutionContext) =>
  available(t, existsSync('/usr/bin/mmdebstrap'), 'mmdebstrap makes base images') &&
  available(t, process.getuid?.() === 0, 'only root has an empty mount namespace everywhere');

function recorder() {
  const events: BuildEventBody[] = [];
  return {events, emit: (event: BuildEventBody) => void events.push(event)};
}

test.serial('the same inputs give the same layer twice, made once per directory, and nothing else stays', async (t) => {
  if (!usable(t)) return;
  const [own, two] = [temporaryDirectory(t), temporaryDirectory(t)];
  // The base image that scripts/test has made for all tests is the first of the two.
  const root = process.env['BUILD_IMAGE_ROOT'];
  const one = root === undefined ? own : join(root, 'bases');
  const first = await makeBase({reference: 'debian:bookworm', directory: one}, recorder(), never);
  const second = await makeBase({reference: 'debian:bookworm', directory: two}, recorder(), never);
  t.is(second.diffId, first.diffId);
  t.false(second.cached);

  const again = recorder();
  t.like(await makeBase({reference: 'debian:bookworm', directory: one}, again, never), {
    cached: true,
    diffId: first.diffId,
  });
  t.deepEqual(
    again.events.map(({type}) => type),
    ['step-cached'],
  );
  t.is(readdirSync(two).length, 1);

  const hash = createHash('sha256');
  await pipeline(createReadStream(first.layerPath), hash);
  t.is(`sha256:${hash.digest('hex')}`, first.diffId);
  t.like(first.config.config, {Cmd: ['bash']});
  t.deepEqual(first.config.rootfs.diff_ids, [first.diffId]);

  const names = execFileSync('tar', ['-tf', first.layerPath], {encoding: 'utf8', maxBuffer: 1 << 26}).split('\n');
  for (const path of [
    './dev/',
    './etc/debian_version',
    './usr/bin/apt-get',
    './usr/sbin/policy-rc.d',
    './var/lib/apt/lists/',
  ]) {
    t.true(names.includes(path), path);
  }
  const varying =
    /^\.\/(dev\/.|etc\/(hostname|resolv\.conf)|var\/lib\/apt\/lists\/.|var\/log\/.*\.log|var\/cache\/apt\/archives\/.)/;
  t.deepEqual(
    names.filter((name) => varying.test(name)),
    [],
  );

  const [left, right] = [join(own, 'left.tar'), join(own, 'right.tar')];
  await writeDockerArchive(first, left, never);
  await writeDockerArchive(second, right, never);
  execFileSync('cmp', [left, right]);
  const read = (name: string) => execFileSync('tar', ['-xOf', left, name], {encoding: 'utf8'});
  const [manifest] = JSON.parse(read('manifest.json')) as [{Config: string; Layers: string[]; RepoTags: string[]}];
  t.deepEqual(manifest.RepoTags, ['debian:bookworm']);
  t.deepEqual(manifest.Layers, [`blobs/${first.diffId.replace(':', '/')}`]);
  t.deepEqual(JSON.parse(read(manifest.Config)), first.config);
  const index = JSON.parse(read('index.json')) as {manifests: [{digest: string; size: number}]};
  const entry = read(`blobs/${index.manifests[0].digest.replace(':', '/')}`);
  t.is(`sha256:${createHash('sha256').update(entry).digest('hex')}`, index.manifests[0].digest);
});

test.serial('a cancelled run leaves nothing and ends with the reason', async (t) => {
  if (!usable(t)) return;
  const directory = temporaryDirectory(t);
  const controller = new AbortController();
  const events = {
    emit: (event: BuildEventBody) => {
      if (event.type === 'step-log' && event.text.includes('extracting')) controller.abort(new Error('cancelled'));
    },
  };
  await t.throwsAsync(makeBase({reference: 'debian:bookworm', directory}, events, controller.signal), {
    message: 'cancelled',
  });
  t.deepEqual(readdirSync(directory), []);
});

test.serial('a release that the mirror does not have is said', async (t) => {
  if (!usable(t)) return;
  const directory = temporaryDirectory(t);
  await t.throwsAsync(makeBase({reference: 'debian:nosuchrelease', directory}, recorder(), never), {
    code: 'MIRROR_UNREACHABLE',
  });
  t.deepEqual(readdirSync(directory), []);
});
