import {existsSync} from 'node:fs';
import {resolve} from 'node:path';
import {BuildError, quote} from '../base/errors.js';
import {formatBytes} from '../base/format-bytes.js';
import {nearest} from '../base/nearest.js';
import {writeBeside} from '../base/write-beside.js';
import {compareImages} from '../compare/compare.js';
import {compareDebs} from '../compare/debs.js';
import {findImage, type FindOptions} from '../compare/find-image.js';
import {type ImageContent, type LayerMemory, readImage} from '../compare/image.js';
import type {ExperimentResult, VariantResult} from '../experiment/result.js';
import {savedExperiment, savedNames} from '../experiment/saved.js';
import {buildPage} from '../report/build-page.js';
import {type AgainstBaseline, experimentPage} from '../report/experiment-page.js';
import {type Page, renderPage} from '../report/page.js';
import type {BuildRecord} from '../store/build-record.js';
import {readHistory} from '../store/history.js';
import {findOptions} from './diff-command.js';
import {parsePort} from './flag-values.js';
import {pastBuild} from './past-build.js';
import type {StoreFlags} from './store-options.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

export interface ReportFlags extends StoreFlags {
  readonly output: string;
  readonly serve?: boolean;
  readonly port?: string;
  readonly driver: string;
}

/** Images of a daemon are written to the disk to be looked into: of more variants than these it is not done. */
const mostFromDaemon = 24;

/** `build-image report [BUILD|EXPERIMENT]`: one HTML file, or the same on loopback. */
export async function reportCommand(
  name: string | undefined,
  flags: ReportFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const root = storeRoot(flags.root, terminal);
  if (flags.serve === true) {
    const {serveReports} = await import('../report/serve.js');
    const port = flags.port === undefined ? 0 : parsePort(flags.port, '--port');
    const make = (): Promise<Page> => pageOf(name, root, flags, terminal, signal);
    await serveReports(
      {root, port, make, follow: name === undefined, say: (url) => terminal.answer(`${url}\n`)},
      signal,
    );
    return 0;
  }
  const text = renderPage(await pageOf(name, root, flags, terminal, signal));
  const path = resolve(terminal.directory, flags.output);
  await writeBeside(path, text);
  terminal.answer(`report    ${flags.output}  ${formatBytes(Buffer.byteLength(text))}\n`);
  return 0;
}

async function pageOf(
  name: string | undefined,
  root: string,
  flags: ReportFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Page> {
  const made = new Date().toISOString();
  const experiment = name === undefined ? undefined : savedExperiment(name, root, terminal.directory);
  if (experiment !== undefined) {
    const options = await findOptions({...flags, driver: experiment.driver}, terminal, signal);
    return experimentPage(experiment, await againstBaseline(experiment, options, signal), made);
  }
  const build = await findBuild(name, root, signal);
  const id = build.image?.configDigest;
  if (id === undefined || id === null) return buildPage(build, undefined, made);
  const options = await findOptions(
    {...flags, driver: build.driver === 'docker' ? 'docker' : 'embedded'},
    terminal,
    signal,
  );
  return buildPage(build, await contentOf(id, options, new Map(), signal), made);
}

/** By id or the beginning of one; without a name the newest. */
async function findBuild(name: string | undefined, root: string, signal: AbortSignal): Promise<BuildRecord> {
  const {records} = await readHistory(root, name === undefined ? {most: 1} : {}, signal);
  const found = name === undefined ? records[0] : pastBuild(records, name);
  if (found !== undefined) return found;
  if (name === undefined) {
    throw new BuildError('NOT_FOUND', 'there is no build to report on', {remedy: 'Build something: build-image.'});
  }
  const known = savedNames(root);
  const near = nearest(name, known);
  throw new BuildError(
    'NOT_FOUND',
    `there is no build or experiment ${quote(name)}${near === undefined ? '' : ` (did you mean "${near}"?)`}`,
    {
      remedy: `"build-image history --json" has the ids of builds${known.length === 0 ? '' : `; experiments: ${known.join(', ')}`}.`,
    },
  );
}

/** Undefined where the image is not there any more, or cannot be read. */
async function contentOf(
  name: string,
  options: FindOptions,
  memory: LayerMemory,
  signal: AbortSignal,
): Promise<ImageContent | undefined> {
  try {
    const source = await findImage(name, {...options, mayPull: false}, signal);
    try {
      return await readImage(source, memory, signal);
    } finally {
      await source.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

async function againstBaseline(
  {variants, baseline}: ExperimentResult,
  options: FindOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, AgainstBaseline>> {
  const memory: LayerMemory = new Map();
  const found = new Map<string, AgainstBaseline>();
  const base = variants.find(({name}) => name === baseline);
  if (base?.image === null || base === undefined) return found;
  const first = await contentOf(base.image.tag, options, memory, signal);
  let looked = 0;
  for (const one of variants) {
    if (one === base || one.image === null) continue;
    const artifacts = await compareDebs(debsOf(base), debsOf(one), signal);
    const add = (more: Pick<AgainstBaseline, 'image' | 'note'>): void => void found.set(one.slug, {artifacts, ...more});
    if (one.image.digest === base.image.digest) add({image: undefined, note: 'the same image as the baseline'});
    else if (options.daemon !== undefined && ++looked > mostFromDaemon) {
      add({image: undefined, note: 'not compared: build-image diff does'});
    } else {
      const content = await contentOf(one.image.tag, options, memory, signal);
      if (first === undefined || content === undefined)
        add({image: undefined, note: 'the image is not there any more'});
      else add({image: compareImages(first, content), note: undefined});
    }
  }
  return found;
}

const debsOf = ({artifacts}: VariantResult): readonly string[] =>
  artifacts.map(({path}) => path).filter((path) => path.endsWith('.deb') && existsSync(path));
