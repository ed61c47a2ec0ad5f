import {execFileSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {ImageConfig} from '../../../engine/oci/config.js';
import {readBlobBytes} from '../../../engine/store/blobs.js';
import {closeStore, openStore} from '../../../engine/store/open.js';
import {snapshotFs} from '../../../engine/store/snapshots.js';
import {readTag} from '../../../engine/store/tags.js';
import {runCli} from '../../helpers/cli.js';
import {notListed} from './bases.js';
import type {ConformanceCase, Outcome} from './case.js';
import {imageFacts} from './image-facts.js';
import {listTree} from './listing.js';
import {makeTree} from './tree.js';

/** What a case's directory holds, and the arguments that both command lines take for it. */
export function prepareCase(one: ConformanceCase, directory: string): {context: string; args: readonly string[]} {
  // A client sends a daemon only what changed, by size and time, since the last context of the same name.
  const context = join(directory, `context-${randomUUID()}`);
  const beside = join(directory, 'beside');
  mkdirSync(context, {recursive: true, mode: 0o755});
  mkdirSync(beside, {mode: 0o755});
  makeTree(context, one.context ?? {});
  makeTree(beside, one.beside ?? {});
  const dockerfile = join(directory, 'Dockerfile');
  writeFileSync(dockerfile, one.dockerfile);
  const args = Object.entries(one.buildArgs ?? {}).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  if (one.target !== undefined) args.push('--target', one.target);
  for (const flag of one.flags ?? []) args.push(flag.replaceAll('$BESIDE', beside));
  return {context, args: ['--network', 'host', '-f', dockerfile, ...args]};
}

/** Builds a case with the command line and the embedded engine, in the store at `root`. `work` is an empty directory. */
export async function buildImage(one: ConformanceCase, root: string, work: string): Promise<Outcome> {
  const {context, args} = prepareCase(one, work);
  const tag = `case-${randomUUID()}:1`;
  const own = ['--driver', 'embedded', '--root', root, '--progress', 'plain', '--no-artifacts', '--no-compose'];
  const run = await runCli(['build', ...own, '-t', tag, ...args, context], {
    env: {CASE_SECRET: 'from the environment'},
  });
  if (run.status !== 0) return {error: run.stderr};
  const store = openStore(root, AbortSignal.timeout(60_000));
  try {
    const image = readTag(store, `docker.io/library/${tag}`);
    if (image === undefined) throw new Error(`${tag} was not kept`);
    const config = JSON.parse(readBlobBytes(store, image.configDigest, 1 << 24).toString()) as ImageConfig;
    return {
      listing: listSnapshots(
        image.snapshots.map((id) => snapshotFs(store, id)),
        one,
        work,
      ),
      image: imageFacts(config),
    };
  } finally {
    closeStore(store);
  }
}

/**
 * Directories without their times: those that a builder touches for itself (`/etc` for a hosts file) differ. And nothing
 * with a time where SOURCE_DATE_EPOCH is given, which the tar that is recorded gives to all.
 */
export function listImage(root: string, {buildArgs}: ConformanceCase): readonly string[] {
  const lines = listTree(root, notListed);
  if (buildArgs?.['SOURCE_DATE_EPOCH'] !== undefined)
    return lines.map((line) => line.replace(/ (?:now|@\d+)(?= [\w.]+=|$)/, ''));
  return lines.map((line) => line.replace(/^(.* dir \d{4} \d+:\d+) (?:now|@\d+)/, '$1'));
}

/** Lists what snapshots (bottom first) show as one tree. */
function listSnapshots(directories: readonly string[], one: ConformanceCase, work: string): readonly string[] {
  const [empty, target] = [join(work, 'empty'), join(work, 'mounted')];
  mkdirSync(empty);
  mkdirSync(target);
  const lowers = [...directories].reverse();
  if (lowers.length === 0) return [];
  execFileSync('mount', ['-t', 'overlay', '-o', `lowerdir=${[...lowers, empty].join(':')}`, 'overlay', target]);
  try {
    return listImage(target, one);
  } finally {
    execFileSync('umount', [target]);
  }
}
