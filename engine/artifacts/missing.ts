import {posix} from 'node:path';
import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {formatBytes} from '../base/format-bytes.js';
import {formatPattern, type ArtifactPattern} from './pattern.js';
import {readStage, type ReadTree} from './stage-tree.js';

const mostListed = 20;
// Looking for a nearby name must not read a whole root file system.
const mostSearched = 32 * 1024 * 1024;
const searchTime = 5000;

/** What was seen at a place of a stage, as far as it is worth telling. */
export interface Inventory {
  readonly stage: number;
  readonly stageName: string;
  readonly path: string;
  /** False: the stage has no such path. */
  exists: boolean;
  readonly listed: {readonly path: string; readonly size: number}[];
  files: number;
}

export function note(inventory: Inventory, path: string, size: number): void {
  inventory.files++;
  if (inventory.listed.length < mostListed) inventory.listed.push({path, size});
}

/** The error for patterns that no file of any place matched: it lists what is there. */
export async function notFound(
  patterns: readonly ArtifactPattern[],
  places: readonly Inventory[],
  readTree: ReadTree,
  signal: AbortSignal,
): Promise<BuildError> {
  const wanted = [...new Set(patterns.map(formatPattern))].map(quote).join(', ');
  const where = places.map((place) => `${place.path} of stage ${place.stageName}`).join(', ');
  const lines: string[] = [];
  for (const place of places) {
    lines.push(...(place.exists ? listing(place) : await missingPath(place, readTree, signal)));
  }
  lines.push('Check where the stage puts its files, or say which files are meant with --artifact [STAGE:]GLOB.');
  const message = places.length === 0 ? `no place to look for ${wanted}` : `no artifact ${wanted} in ${where}`;
  return new BuildError('ARTIFACT_NOT_FOUND', message, {remedy: lines.join('\n')});
}

function listing(place: Inventory): string[] {
  if (place.files === 0) return [`Stage ${place.stageName} has no files in ${place.path}.`];
  const width = Math.max(...place.listed.map(({size}) => formatBytes(size).length));
  const rows = place.listed.map(({path, size}) => `  ${formatBytes(size).padStart(width)}  ${printable(path)}`);
  const more = place.files - place.listed.length;
  return [`Stage ${place.stageName} has in ${place.path}:`, ...rows, ...(more > 0 ? [`  … and ${more} more`] : [])];
}

async function missingPath(place: Inventory, readTree: ReadTree, signal: AbortSignal): Promise<string[]> {
  const head = `Stage ${place.stageName} has no ${place.path}`;
  for (let parent = posix.dirname(place.path); ; parent = posix.dirname(parent)) {
    const names = await namesIn(place.stage, parent, readTree, signal);
    if (names !== undefined) {
      const child = place.path.slice(parent === '/' ? 1 : parent.length + 1).split('/')[0] ?? '';
      const paths = names.map((name) => posix.join(parent, name));
      const hint = didYouMean(posix.join(parent, child), paths);
      return hint === ''
        ? [
            `${head}; the nearest that is there is ${parent}.`,
            ...paths.slice(0, mostListed).map((path) => `  ${printable(path)}`),
          ]
        : [`${head}${hint}.`];
    }
    if (parent === '/') return [`${head}.`];
  }
}

/** Names directly below a path of the stage; undefined where there is no such directory. */
async function namesIn(
  stage: number,
  path: string,
  readTree: ReadTree,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const names = new Set<string>();
  let bytes = 0;
  const until = AbortSignal.any([signal, AbortSignal.timeout(searchTime)]);
  try {
    for await (const file of readStage(readTree, stage, path, until)) {
      const name = file.relative.split('/')[0] ?? '';
      if (name !== '') names.add(name);
      bytes += file.size + 512;
      if (bytes > mostSearched) break;
    }
  } catch {
    // The answer is an error already; a hint that cannot be had is left out.
    signal.throwIfAborted();
    if (names.size === 0) return undefined;
  }
  return [...names].sort();
}

function printable(path: string): string {
  return /[^ -~\u00a1-\uffff]/.test(path) ? quote(path) : path;
}
