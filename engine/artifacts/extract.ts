import {join, posix} from 'node:path';
import {BuildError} from '../base/errors.js';
import type {Platform} from '../oci/platform.js';
import type {EventSink} from '../progress/events.js';
import {packageWarnings, type Artifact} from './artifact.js';
import {readDeb} from './deb.js';
import {compileGlob} from '../base/glob.js';
import {createLanding, type LandedFile, type Landing} from './landing.js';
import {note, notFound, type Inventory} from './missing.js';
import {everyPackage, type ArtifactPattern} from './pattern.js';
import {placesOf} from './places.js';
import {readStage, type ReadTree, type StageFile} from './stage-tree.js';

// As the kernel: more links in a row are a circle.
const mostLinks = 40;

/** A place in a stage where artifacts are looked for. */
export interface ExtractSource {
  /** Index of the stage. */
  readonly stage: number;
  readonly stageName: string;
  /** Absolute path in the stage: a directory, or a file. */
  readonly path: string;
  /** Empty: every `*.deb`. */
  readonly patterns: readonly ArtifactPattern[];
  /** Absolute glob of what COPY takes: other files are left out, directories that match are taken with all in them. */
  readonly within?: string;
}

export interface ExtractRequest {
  readonly readTree: ReadTree;
  readonly sources: readonly ExtractSource[];
  /** Made where it is missing; relative to the working directory. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly events?: EventSink;
  /** What the build is for: a package for something else is warned of. */
  readonly platform?: Platform;
  /** False: that nothing matched is no error. */
  readonly required?: boolean;
}

/** A file that was taken, before it has its name in the artifacts directory. */
export interface Taken {
  readonly source: ExtractSource;
  readonly path: string;
  readonly relative: string;
  readonly file: LandedFile;
  /** In the stage it is a link. */
  readonly linkTo: string | null;
}

/**
 * Files of the stages that match, in the artifacts directory: all or, after an error, none of them. A package is read
 * before it gets its name. Files lie directly in the directory; where two with different contents have the same name, each
 * keeps its path below the place it was found in. A file that is there with the same content is not touched.
 *
 * Throws BuildError ARTIFACT_NOT_FOUND with a listing, ARTIFACT_INVALID, ARTIFACT_UNSAFE_PATH, NO_SPACE, IO, what `readTree`
 * throws, or the signal's reason; leaves no partial file.
 */
export async function extractArtifacts(request: ExtractRequest): Promise<readonly Artifact[]> {
  const {sources, directory, signal} = request;
  const landing = await createLanding(directory, signal);
  try {
    const matched = new Set<ArtifactPattern>();
    const inventories: Inventory[] = [];
    const taken: Taken[] = [];
    for (const source of sources) taken.push(...(await takeFrom(source, request, landing, matched, inventories)));
    const missed = unmatched(sources, matched, taken.length);
    if (missed.length > 0 && request.required !== false) {
      const places = inventories.filter((_, index) => patternsOf(sources[index]).some((one) => missed.includes(one)));
      throw await notFound(missed, places, request.readTree, signal);
    }
    return await placeAll(taken, request, landing);
  } finally {
    await landing.discard();
  }
}

/** Whether a path or a directory above it matches. */
function withinGlob(glob: string): (path: string) => boolean {
  const matches = compileGlob(glob.slice(1));
  return (path) => {
    const parts = path.slice(1).split('/');
    return parts.some((_, index) => matches(parts.slice(0, index + 1).join('/')));
  };
}

function patternsOf(source: ExtractSource | undefined): readonly ArtifactPattern[] {
  return source === undefined || source.patterns.length === 0 ? [everyPackage] : source.patterns;
}

/** Each pattern that was asked for must give something; the default one anywhere. */
function unmatched(sources: readonly ExtractSource[], matched: ReadonlySet<ArtifactPattern>, found: number) {
  if (sources.length === 0) return [everyPackage];
  const all = new Set(sources.flatMap(patternsOf));
  if (found > 0) all.delete(everyPackage);
  return [...all].filter((pattern) => !matched.has(pattern));
}

async function takeFrom(
  source: ExtractSource,
  request: ExtractRequest,
  landing: Landing,
  matched: Set<ArtifactPattern>,
  inventories: Inventory[],
): Promise<Taken[]> {
  const {readTree, signal} = request;
  const {stage, stageName, path} = source;
  const inventory: Inventory = {stage, stageName, path, exists: true, listed: [], files: 0};
  inventories.push(inventory);
  const taken: Taken[] = [];
  const links: (StageFile & {logical: string; hits: readonly ArtifactPattern[]})[] = [];
  // Where the files really are: the place itself may be a link.
  const real = new Map<string, LandedFile>();

  const copied = source.within === undefined ? () => true : withinGlob(source.within);
  let place = path;
  for (let hop = 0; hop <= mostLinks; hop++) {
    let onwards: string | undefined;
    try {
      for await (const file of readStage(readTree, stage, place, signal)) {
        if (file.relative === '' && file.kind === 'symlink') {
          onwards = file.target;
          break;
        }
        if (file.kind === 'directory') continue;
        const logical = file.relative === '' ? path : posix.join(path, file.relative);
        note(inventory, logical, file.size);
        const relative = file.relative === '' ? posix.basename(path) : file.relative;
        const hits = copied(logical) ? patternsOf(source).filter((one) => one.matches(logical, relative)) : [];
        if (hits.length === 0) continue;
        if (file.kind === 'link' || file.kind === 'symlink') {
          links.push({...file, logical, relative, hits});
        } else if (file.kind === 'special') {
          warn(request, `${logical} of stage ${stageName} is no file but a device, socket or pipe: left out`);
        } else {
          const landed = await landing.write(relative, file.content());
          real.set(file.path, landed);
          taken.push({source, path: logical, relative, file: landed, linkTo: null});
          for (const hit of hits) matched.add(hit);
        }
      }
    } catch (error) {
      if (!(error instanceof BuildError) || error.code !== 'NOT_FOUND') throw error;
      inventory.exists = false;
    }
    if (onwards === undefined) break;
    place = onwards;
  }

  for (const link of links) {
    const landed = await follow(link, source, request, landing, real);
    if (landed === undefined) continue;
    taken.push({source, path: link.logical, relative: link.relative, ...landed});
    for (const hit of link.hits) matched.add(hit);
  }
  return taken;
}

/** The content behind a link, wherever in the stage it is; undefined, with a warning, where there is no file. */
async function follow(
  link: StageFile & {logical: string},
  source: ExtractSource,
  request: ExtractRequest,
  landing: Landing,
  real: ReadonlyMap<string, LandedFile>,
): Promise<{file: LandedFile; linkTo: string | null} | undefined> {
  const {readTree, signal} = request;
  let target = link.target ?? '/';
  try {
    for (let hop = 0; hop < mostLinks; hop++) {
      const known = real.get(target);
      // A hard link is as much a file as the other name.
      if (known !== undefined) {
        return {file: await landing.copy(link.relative, known), linkTo: link.kind === 'link' ? null : target};
      }
      let onwards: string | undefined;
      for await (const file of readStage(readTree, source.stage, target, signal)) {
        if (file.relative !== '') break;
        if (file.kind === 'file') return {file: await landing.write(link.relative, file.content()), linkTo: null};
        onwards = file.target;
        break;
      }
      if (onwards === undefined || onwards === target) break;
      target = onwards;
    }
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'NOT_FOUND') throw error;
  }
  warn(
    request,
    `${link.logical} of stage ${source.stageName} is a link to ${target}, where there is no file: left out`,
  );
  return undefined;
}

/** Checks every package first: what is wrong with one must not leave half of them. */
async function placeAll(taken: readonly Taken[], request: ExtractRequest, landing: Landing): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  const described = [];
  for (const one of taken) {
    const isPackage = one.relative.endsWith('.deb');
    const label = `${one.path} of stage ${one.source.stageName}`;
    const deb = isPackage ? await readDeb(one.file.temporary, request.signal, label) : undefined;
    described.push({one, deb});
    if (deb === undefined || one.linkTo !== null) continue;
    for (const message of packageWarnings(one.relative, deb, request.platform)) warn(request, message);
  }
  const places = placesOf(taken);
  for (const {one, deb} of described) {
    const place = places.get(one);
    // The same file under the same name in two places.
    if (place === undefined) continue;
    const written = await landing.place(one.file, place);
    artifacts.push({
      path: join(request.directory, place),
      stage: one.source.stageName,
      source: one.path,
      sha256: one.file.sha256,
      size: one.file.size,
      package: deb?.package ?? null,
      version: deb?.version ?? null,
      architecture: deb?.architecture ?? null,
      linkTo: one.linkTo,
      written,
    });
  }
  return artifacts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function warn(request: ExtractRequest, message: string): void {
  request.events?.emit({type: 'warning', rule: 'Artifact', message});
}
