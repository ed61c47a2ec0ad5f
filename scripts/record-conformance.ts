import {randomUUID} from 'node:crypto';
import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {format} from 'prettier';
import type {ConformanceCase, Outcome} from '../test/integration/conformance/case.js';
import {baseArchive} from '../test/integration/conformance/bases.js';
import {groups, imageGroups} from '../test/integration/conformance/groups.js';
import {listTree} from '../test/integration/conformance/listing.js';
import {makeTree} from '../test/integration/conformance/tree.js';
import {buildOnDaemon} from '../test/integration/conformance/daemon-build.js';

// Runs every case on a Docker daemon and keeps what it made: facts only.
const docker = process.env['DOCKER'] ?? 'docker';
const work = mkdtempSync(join(process.env['WORK'] ?? tmpdir(), 'conformance-'));

function record(one: ConformanceCase): Outcome {
  // What was built before leaves its times in the cache, so there is none; and a daemon brings the context of the same name up to date, which leaves the times of directories behind.
  const directory = join(work, 'case');
  const context = join(directory, `context-${randomUUID()}`);
  const root = join(directory, 'root');
  mkdirSync(root, {recursive: true});
  mkdirSync(context, {mode: 0o755});
  try {
    makeTree(context, one.context ?? {});
    writeFileSync(join(directory, 'Dockerfile'), one.dockerfile);
    const args = Object.entries(one.buildArgs ?? {}).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
    if (one.target !== undefined) args.push('--target', one.target);
    // An ignore file beside the Dockerfile is not looked for: the context's own counts.
    const tar = join(directory, 'out.tar');
    const output = [
      '--progress=plain',
      '--no-cache',
      '--output',
      `type=tar,dest=${tar}`,
      '-f',
      join(directory, 'Dockerfile'),
    ];
    const built = spawnSync(docker, ['build', ...args, ...output, context], {
      cwd: directory,
      encoding: 'utf8',
      env: {...process.env, DOCKER_BUILDKIT: '1'},
    });
    if (built.status !== 0) {
      // Only what the builder itself says of the Dockerfile is an outcome.
      if (!built.stderr.includes('failed to solve')) throw new Error(`${one.name}: ${built.stderr}`);
      return {error: reason(built.stderr)};
    }
    execFileSync('tar', [
      '--numeric-owner',
      '--xattrs',
      '--xattrs-include=*',
      '--warning=no-timestamp',
      '-C',
      root,
      '-xpf',
      tar,
    ]);
    return {listing: listTree(root)};
  } finally {
    rmSync(directory, {recursive: true, force: true});
  }
}

const reason = (log: string): string =>
  (
    log
      .trim()
      .split('\n')
      .findLast((line) => line.startsWith('ERROR:')) ?? 'ERROR: failed'
  )
    .replace(/^ERROR: /, '')
    .replace(/[a-z0-9-]{25,36}::[a-z0-9]{25}/g, 'REF')
    .replace(/\/\S*\/overlay2\/[a-z0-9]+\/(?:diff|merged)/g, '');

async function keep(
  group: string,
  cases: readonly ConformanceCase[],
  outcomeOf: (one: ConformanceCase) => Outcome | Promise<Outcome>,
): Promise<void> {
  const file = `test/fixtures/conformance/${group}.json`;
  const only = process.env['ONLY'];
  const kept = only === undefined ? {} : (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Outcome>);
  const outcomes: Record<string, Outcome> = {...kept};
  for (const one of cases) {
    if (only === 'missing' ? one.name in kept : only !== undefined && !one.name.includes(only)) continue;
    outcomes[one.name] = await outcomeOf(one);
    if (process.env['VERBOSE'] !== undefined) console.log(one.name, JSON.stringify(outcomes[one.name], null, 1));
  }
  const options = JSON.parse(readFileSync('.prettierrc.json', 'utf8')) as object;
  writeFileSync(file, await format(JSON.stringify(outcomes), {...options, parser: 'json'}));
  console.log(`${cases.length} cases in ${file}`);
}

try {
  const wanted = process.argv.slice(2);
  const asked = (group: string): boolean => wanted.length === 0 || wanted.includes(group);
  for (const [group, cases] of Object.entries(groups)) if (asked(group)) await keep(group, cases, record);
  const images = Object.entries(imageGroups).filter(([group]) => asked(group));
  if (images.length > 0) execFileSync(docker, ['load', '-i', baseArchive(work)]);
  for (const [group, cases] of images) {
    await keep(group, cases, (one) => buildOnDaemon(one, {command: docker, buildx: true}, work, reason));
  }
} finally {
  rmSync(work, {recursive: true, force: true});
}
