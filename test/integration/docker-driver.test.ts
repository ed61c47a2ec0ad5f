import test from 'ava';
import {extract} from 'tar-stream';
import {pipeline} from 'node:stream/promises';
import {text} from 'node:stream/consumers';
import {createDockerDriver} from '../../engine/drivers/docker/driver.js';
import {collectEvents, contextOf, planOf, requestOf} from '../helpers/build.js';
import {busyboxImage, daemonOrSkip, type DaemonKind, leftovers, removeAfter} from '../helpers/daemon.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

const never = new AbortController().signal;
let serial = 0;
const uniqueTag = (): string => `build-image-test/t${process.pid}-${serial++}:latest`;

async function untar(stream: AsyncIterable<Uint8Array>): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const reader = extract();
  const fed = pipeline(stream, reader);
  fed.catch(() => undefined);
  for await (const entry of reader) files[entry.header.name] = await text(entry);
  await fed;
  return files;
}

const twoStages = test.macro<[DaemonKind]>({
  async exec(t, kind: DaemonKind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const root = temporaryDirectory(t);
    const marker = `marker ${process.pid} ${Date.now()}`;
    writeTree(root, {'a.txt': `${marker}\n`, 'sub/b.txt': 'b\n', 'ignored.txt': 'no\n'});
    const dockerfile = `FROM ${base} AS builder\nWORKDIR /out\nCOPY . /in/\nRUN cat /in/a.txt && ls /in && cp /in/a.txt pkg.deb\nFROM ${base}\nCOPY --from=builder /out /out\n`;
    const tag = uniqueTag();
    removeAfter(t, daemon, tag);
    const events = collectEvents();
    const driver = createDockerDriver(daemon.endpoint, {builder: 'buildkit'});
    const request = requestOf(contextOf(root, 'ignored.txt'), {
      tags: [tag],
      network: 'host',
      keepStages: [0],
      labels: {run: marker},
    });
    const built = await driver.build(planOf(dockerfile), request, events, never);
    t.true(events.log().includes(marker));
    t.false(events.log().includes('ignored.txt'));
    t.deepEqual(await untar(driver.readTree(built, 0, '/out', never)), {'out/': '', 'out/pkg.deb': `${marker}\n`});
    await t.throwsAsync(async () => await untar(driver.readTree(built, 0, '/nowhere', never)), {code: 'NOT_FOUND'});
    await built.close();
    t.is((await daemon.docker.getImage(tag).inspect()).Id, built.configDigest ?? 'none');
    t.deepEqual(await leftovers(daemon, `run=${marker}`), {containers: [], untagged: []});

    const again = await driver.build(planOf(dockerfile), request, collectEvents(), never);
    await again.close();
    t.is(again.configDigest, built.configDigest);
    t.true(again.steps.length >= 5);
    t.deepEqual(
      again.steps.filter(({cached}) => !cached),
      [],
    );
  },
  title: (_, kind) => `two stages are built, read and cached with BuildKit (${kind} daemon)`,
});

test(twoStages, 'debian');
test(twoStages, 'current');
