import {execFileSync, type ExecFileSyncOptionsWithStringEncoding, spawn} from 'node:child_process';
import {randomFillSync} from 'node:crypto';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? '3');
/** Bytes of the image: half of them are like program text, half cannot be compressed. */
const size = 200 * 1024 * 1024;
const layers = 4;
/** What users run. */
const program = fileURLToPath(new URL('../../bundle/cli/build-image', import.meta.url));
const image = 'bench-push:1';

/**
 * The push of a 200 MB image to a local registry: ours from the daemon, ours from the store, `docker push` of the same image.
 * Every push meets an empty registry and nothing that an earlier one compressed. Needs docker-registry and a daemon.
 */
export async function run(): Promise<boolean> {
  const work = mkdtempSync(join(process.env['TMPDIR'] ?? tmpdir(), 'build-image-bench-'));
  const quiet = {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']} satisfies ExecFileSyncOptionsWithStringEncoding;
  try {
    const context = join(work, 'context');
    makeContext(context);
    execFileSync('docker', ['build', '-q', '-t', image, context], quiet);
    const store = join(work, 'store');
    const build = ['build', '--driver', 'embedded', '--no-artifacts', '--quiet', '-t', image, context];
    const node = (args: readonly string[], root: string) => execFileSync(program, [...args, '--root', root], quiet);
    const times = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++) {
      for (const name of ['docker push', 'ours, from the daemon', 'ours, from the store']) {
        const registry = await startRegistry(join(work, 'registry'));
        rmSync(store, {recursive: true, force: true});
        const deliver = [
          'deliver',
          '--image',
          image,
          '--registry',
          registry.host,
          '--any-branch',
          '--progress',
          'quiet',
        ];
        const environment = {...process.env, DOCKER_TAGS: 'bench'};
        let push: () => void;
        if (name === 'docker push') {
          const there = `${registry.host}/bench-push:bench`;
          execFileSync('docker', ['tag', image, there], quiet);
          push = () => execFileSync('docker', ['push', '-q', there], quiet);
        } else {
          const embedded = name.endsWith('store');
          if (embedded) node(build, store);
          const driver = ['--driver', embedded ? 'embedded' : 'docker', '--root', store];
          push = () => execFileSync(program, [...deliver, ...driver], {...quiet, cwd: context, env: environment});
        }
        const started = performance.now();
        push();
        times.set(name, [...(times.get(name) ?? []), (performance.now() - started) / 1000]);
        await registry.stop();
        if (name === 'docker push') execFileSync('docker', ['rmi', `${registry.host}/bench-push:bench`], quiet);
      }
    }
    const medians = new Map(
      [...times].map(([name, all]) => [name, all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN]),
    );
    for (const [name, seconds] of medians) console.log(`${name.padEnd(24)} ${seconds.toFixed(2)} s`);
    const docker = medians.get('docker push') ?? 0;
    return [...medians].every(([, seconds]) => seconds <= docker);
  } finally {
    rmSync(work, {recursive: true, force: true});
    execFileSync('docker', ['rmi', '-f', image], quiet);
  }
}

function makeContext(context: string): void {
  mkdirSync(context, {recursive: true});
  const lines = ['FROM scratch'];
  const text = readFileSync(process.execPath);
  for (let layer = 0; layer < layers; layer++) {
    const half = size / layers / 2;
    const random = randomFillSync(Buffer.alloc(half));
    const plain = Buffer.concat(Array.from({length: Math.ceil(half / text.length) + 1}, () => text)).subarray(
      layer,
      half + layer,
    );
    writeFileSync(join(context, `file${layer}`), Buffer.concat([plain, random]));
    lines.push(`COPY file${layer} /file${layer}`);
  }
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
}

async function startRegistry(directory: string): Promise<{readonly host: string; stop(): Promise<void>}> {
  const program = '/usr/bin/docker-registry';
  if (!existsSync(program)) throw new Error('docker-registry is missing: apt-get install docker-registry');
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  const host = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  mkdirSync(directory, {recursive: true});
  const file = join(directory, 'config.yml');
  const storage = {filesystem: {rootdirectory: join(directory, 'data')}};
  const log = {level: 'error', accesslog: {disabled: true}};
  writeFileSync(file, JSON.stringify({version: 0.1, log, storage, http: {addr: host}}));
  const child = spawn(program, ['serve', file], {stdio: 'ignore', env: {OTEL_TRACES_EXPORTER: 'none'}});
  for (let attempt = 0; attempt < 200; attempt++) {
    if (
      await fetch(`http://${host}/v2/`).then(
        () => true,
        () => false,
      )
    )
      break;
    await sleep(50);
  }
  return {
    host,
    async stop() {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, {recursive: true, force: true});
    },
  };
}
