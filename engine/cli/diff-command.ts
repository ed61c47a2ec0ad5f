import {existsSync} from 'node:fs';
import {resolve} from 'node:path';
import {createRedactor} from '../base/redact.js';
import {compareImages, type ImageDiff} from '../compare/compare.js';
import {compareDebs} from '../compare/debs.js';
import {findImage, type FindOptions} from '../compare/find-image.js';
import {type ImageContent, type LayerMemory, readImage} from '../compare/image.js';
import {type Comparison, renderComparison} from '../compare/render.js';
import {hostPlatform, parsePlatform} from '../oci/platform.js';
import {credentialsOf} from './credentials.js';
import {reachableDaemon} from './driver-choice.js';
import {progressOf} from './progress-of.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

export interface DiffFlags {
  readonly driver: string;
  readonly root?: string;
  readonly platform?: string;
  readonly json?: boolean;
  readonly all?: boolean;
  readonly exitCode?: boolean;
}

const mostShown = 10;

/** `build-image diff A B`: what differs between two images. */
export async function diffCommand(
  names: readonly [string, string],
  flags: DiffFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const comparison = names.every((name) => isDeb(name, terminal))
    ? {image: undefined, artifacts: await debsOnly(names, terminal, signal), steps: []}
    : await compared(names, flags, terminal, signal);
  if (flags.json === true) terminal.answer(`${JSON.stringify(comparison, null, 2)}\n`);
  else terminal.answer(renderComparison(comparison, {most: flags.all === true ? Infinity : mostShown}));
  return flags.exitCode === true && differs(comparison) ? 1 : 0;
}

function differs({image, artifacts}: Comparison): boolean {
  const images = image !== undefined && image.files.length + image.config.length + image.packages.length > 0;
  return images || artifacts.length > 0;
}

function isDeb(name: string, {directory}: Terminal): boolean {
  return name.endsWith('.deb') && existsSync(resolve(directory, name));
}

function debsOnly([a, b]: readonly [string, string], {directory}: Terminal, signal: AbortSignal) {
  return compareDebs([resolve(directory, a)], [resolve(directory, b)], signal);
}

async function compared(
  [a, b]: readonly [string, string],
  flags: DiffFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Comparison> {
  const options = await findOptions(flags, terminal, signal);
  const memory: LayerMemory = new Map();
  const image = await diffOf(a, b, options, memory, signal);
  return {image, artifacts: [], steps: []};
}

async function diffOf(
  a: string,
  b: string,
  options: FindOptions,
  memory: LayerMemory,
  signal: AbortSignal,
): Promise<ImageDiff> {
  return compareImages(await contentOf(a, options, memory, signal), await contentOf(b, options, memory, signal));
}

async function contentOf(
  name: string,
  options: FindOptions,
  memory: LayerMemory,
  signal: AbortSignal,
): Promise<ImageContent> {
  const source = await findImage(name, options, signal);
  try {
    return await readImage(source, memory, signal);
  } finally {
    await source.close();
  }
}

/** Where images are looked for. */
export async function findOptions(
  flags: Pick<DiffFlags, 'driver' | 'root' | 'platform'>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<FindOptions> {
  const redactor = createRedactor();
  const daemon =
    flags.driver === 'embedded' ? undefined : await reachableDaemon(terminal, flags.driver === 'docker', signal);
  const progress = await progressOf('quiet', terminal, redactor);
  return {
    root: storeRoot(flags.root, terminal),
    rootless: terminal.uid !== 0,
    platform: flags.platform === undefined ? hostPlatform() : parsePlatform(flags.platform),
    directory: terminal.directory,
    credentials: credentialsOf(terminal, redactor, signal),
    events: progress,
    daemon,
    mayPull: flags.driver !== 'docker',
  };
}
