import {existsSync} from 'node:fs';
import {resolve} from 'node:path';
import {createRedactor} from '../base/redact.js';
import {writeBeside} from '../base/write-beside.js';
import {compareImages} from '../compare/compare.js';
import {compareDebs} from '../compare/debs.js';
import {findImage, type FindOptions} from '../compare/find-image.js';
import {type ImageContent, type LayerMemory, readImage} from '../compare/image.js';
import {type Comparison, renderComparison} from '../compare/render.js';
import {compareTimes} from '../compare/step-times.js';
import {hostPlatform, parsePlatform} from '../oci/platform.js';
import {credentialsOf} from './credentials.js';
import {createSubjects, debsOf} from './diff-subject.js';
import {reachableDaemon} from './driver-choice.js';
import {progressOf} from './progress-of.js';
import {registriesOf} from './registries.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';
import {isRootless} from '../drivers/embedded/rootless.js';

export interface DiffFlags {
  readonly driver: string;
  readonly root?: string;
  readonly platform?: string;
  readonly json?: boolean;
  readonly all?: boolean;
  readonly html?: string;
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
  if (flags.html !== undefined) {
    const {diffPage} = await import('../report/diff-page.js');
    const {renderPage} = await import('../report/page.js');
    const page = renderPage(diffPage(comparison, names, new Date().toISOString()));
    await writeBeside(resolve(terminal.directory, flags.html), page);
  }
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
  const subjects = await createSubjects(options.root, terminal.directory, signal);
  const sides = [];
  for (const name of [a, b]) {
    const subject = subjects.named(name);
    const content = await contentOf(subject?.image ?? name, name, options, memory, signal);
    sides.push({content, facts: subject ?? subjects.ofImage(content.source.configDigest)});
  }
  const [first, second] = sides;
  if (first === undefined || second === undefined) throw new Error('unreachable: two names');
  const image = compareImages(first.content, second.content);
  if (first.facts === undefined || second.facts === undefined) return {image, artifacts: [], steps: []};
  const artifacts = await compareDebs(await debsOf(first.facts), await debsOf(second.facts), signal);
  return {image, artifacts, steps: compareTimes(first.facts.steps, second.facts.steps)};
}

async function contentOf(
  image: string,
  name: string,
  options: FindOptions,
  memory: LayerMemory,
  signal: AbortSignal,
): Promise<ImageContent> {
  const source = {...(await findImage(image, options, signal)), name};
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
    rootless: isRootless(terminal.uid),
    platform: flags.platform === undefined ? hostPlatform() : parsePlatform(flags.platform),
    directory: terminal.directory,
    credentials: credentialsOf(terminal, redactor, signal),
    registries: registriesOf(terminal.environment),
    events: progress,
    daemon,
    mayPull: flags.driver !== 'docker',
  };
}
