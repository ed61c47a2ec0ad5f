import {execFileSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createLimiter} from '../engine/base/concurrency.js';
import {baseArchive, importBases} from '../test/integration/conformance/bases.js';
import type {ConformanceCase} from '../test/integration/conformance/case.js';
import {buildImage} from '../test/integration/conformance/image-build.js';
import {differences, filesOnly} from '../test/integration/conformance/random/compare.js';
import {randomCase} from '../test/integration/conformance/random/dockerfile.js';
import type {Syntax} from '../test/integration/conformance/random/scene.js';
import {address, serveFiles} from '../test/integration/conformance/random/remote.js';
import {shrink} from '../test/integration/conformance/random/shrink.js';
import {buildOnDaemon} from '../test/integration/conformance/daemon-build.js';

const [from = '1', count = '100', syntax = 'current'] = process.argv.slice(2);
const docker = process.env['DOCKER'] ?? 'docker';
const work = mkdtempSync(join(process.env['WORK'] ?? tmpdir(), 'random-'));
const store = join(work, 'store');
const shortened = (line: string): string => (line.length > 900 ? `${line.slice(0, 200)} … ${line.slice(-700)}` : line);
const files = await serveFiles();
let number = 0;
let refused = 0;

async function compare(random: ConformanceCase): Promise<readonly string[]> {
  // A daemon keeps what is in a cache for the next build.
  const dockerfile = random.dockerfile
    .replaceAll(/(?<=id=)random-/g, `random-${randomUUID()}-`)
    .replaceAll(address, files.url);
  const one = {...random, dockerfile};
  const directory = join(work, `own-${number++}`);
  mkdirSync(directory);
  try {
    const last = (log: string): string => log.trim().split('\n').at(-1) ?? '';
    const client = {command: docker, buildx: syntax === 'current'};
    const [theirs, ours] = await Promise.all([
      buildOnDaemon(one, client, work, last),
      buildImage(one, store, directory),
    ]);
    if ('error' in theirs) {
      refused++;
      if (process.env['VERBOSE'] !== undefined) console.log(`refused: ${one.name}: ${shortened(theirs.error)}`);
    }
    return syntax === 'old' ? differences(filesOnly(theirs), filesOnly(ours)) : differences(theirs, ours);
  } finally {
    rmSync(directory, {recursive: true, force: true});
  }
}

try {
  execFileSync(docker, ['load', '-q', '-i', baseArchive(work)], {stdio: ['ignore', 'ignore', 'inherit']});
  mkdirSync(join(work, 'bases'));
  await importBases(store, join(work, 'bases'));
  const limiter = createLimiter(Number(process.env['JOBS'] ?? 2));
  let different = 0;
  const seeds = Array.from({length: Number(count)}, (_, index) => Number(from) + index);
  await Promise.all(
    seeds.map((seed) =>
      limiter.run(async () => {
        const one = randomCase(seed, syntax as Syntax);
        const found = await compare(one).catch((error: unknown) =>
          // An image without a layer cannot be saved by this client.
          String(error).includes('empty export') ? [] : [`failed: ${String(error)}`],
        );
        if (found.length === 0) return;
        different++;
        const kind = (lines: readonly string[]) => lines[0]?.slice(0, 8);
        const small =
          process.env['SHRINK'] === '0'
            ? one
            : await shrink(one, async (next) => {
                const lines = await compare(next).catch(() => []);
                return lines.length > 0 && kind(lines) === kind(found);
              });
        const rest = await compare(small).catch((error: unknown) => [String(error)]);
        console.log(`--- ${one.name}`, JSON.stringify({...small, name: undefined, dockerfile: undefined}));
        console.log(small.dockerfile);
        console.log((rest.length > 0 ? rest : ['only once:', ...found]).map(shortened).join('\n'));
      }),
    ),
  );
  console.log(`${seeds.length} compared, ${different} differ, ${refused} builds of all were refused`);
} finally {
  files.server.close();
  rmSync(work, {recursive: true, force: true});
}
