import type {SourceRange} from '../base/errors.js';
import {nearest} from '../base/nearest.js';
import type {Dockerfile} from '../dockerfile/ast.js';
import {normalReference} from '../oci/reference.js';
import {failAt} from './fail.js';
import type {Source, StageBase} from './graph.js';
import {knownImages} from './known-images.js';

/** What a stage is called, for looking it up. */
export interface StageName {
  readonly index: number;
  readonly name: string | undefined;
  readonly line: number;
}

/** Everything a name in FROM, COPY --from or a mount can stand for. */
export interface NameTable {
  readonly dockerfile: Dockerfile;
  readonly stages: readonly StageName[];
  readonly contexts: ReadonlySet<string>;
  /** References whose config is known: images that exist. */
  readonly images: ReadonlySet<string>;
}

/** The named context that takes the place of `name`, a stage's or an image's; undefined where there is none. */
export function contextFor(contexts: ReadonlySet<string>, name: string): string | undefined {
  if (contexts.size === 0 || /^(?:scratch|context)$/i.test(name)) return undefined;
  if (contexts.has(name)) return name;
  const normal = normalReference(name);
  if (normal === undefined) return undefined;
  return [...contexts].find((context) => normalReference(context) === normal);
}

/** One letter more, less or other, or two in the wrong order. */
function oneSlip(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (short === long || long.length - short.length > 1) return false;
  let start = 0;
  while (start < short.length && short[start] === long[start]) start++;
  if (long.length > short.length) return short.slice(start) === long.slice(start + 1);
  const swapped = short[start] === long[start + 1] && short[start + 1] === long[start];
  return (
    short.slice(start + 1) === long.slice(start + 1) || (swapped && short.slice(start + 2) === long.slice(start + 2))
  );
}

/**
 * A short name that is no stage is an image's, says BuildKit, and asks a registry for it. Where the name is nearly that of
 * a stage it is refused here instead: the pull would fail, or worse, fetch a stranger's image. `NAME:latest` always means
 * the image. FROM is judged more mildly than COPY --from: images of one's own are commonly named there.
 */
function refuseNearStage(
  table: NameTable,
  what: string,
  name: string,
  candidates: readonly StageName[],
  range: SourceRange,
): void {
  if (/[/:.@]/.test(name) || name.length < 4 || knownImages.has(name) || table.images.has(name)) return;
  const names = candidates.flatMap(({name: candidate}) => candidate ?? []);
  const lower = name.toLowerCase();
  const near =
    what === 'FROM'
      ? names.find((candidate) => candidate === lower || (name.length > 4 && oneSlip(candidate, lower)))
      : nearest(name, names);
  if (near === undefined) return;
  throw failAt(table.dockerfile, range, `${what} names no stage "${name}" (did you mean "${near}"?)`, {
    token: name,
    before: what === 'FROM' ? undefined : 'from=',
    remedy:
      near === lower
        ? `The names of stages are in lower case, and ${what} takes them as they are.`
        : `For the image of that name write "${name}:latest".`,
  });
}

function isReference(name: string): boolean {
  return normalReference(name) !== undefined;
}

/** The base that FROM names, expanded; stages by their exact name, declared before. Throws DOCKERFILE_STAGE. */
export function resolveBase(table: NameTable, index: number, name: string, range: SourceRange): StageBase {
  const earlier = table.stages.slice(0, index);
  const stage = earlier.findLast((candidate) => candidate.name === name);
  if (stage !== undefined) return {kind: 'stage', index: stage.index};
  const context = contextFor(table.contexts, name);
  if (context !== undefined) return {kind: 'context', name: context};
  if (name === 'scratch') return {kind: 'scratch'};
  // A stage may have the name of its own base image: `FROM debian AS debian`.
  if (table.stages[index]?.name !== name) {
    refuseLaterBase(table, index, name, range);
    refuseNearStage(table, 'FROM', name, earlier, range);
  }
  if (!isReference(name)) {
    throw failAt(table.dockerfile, range, `FROM names no stage, and "${name}" is no image reference`, {
      token: name,
      remedy: 'An image reference is [HOST/]NAME[:TAG][@DIGEST], in lower case.',
    });
  }
  return {kind: 'image', reference: name};
}

function refuseLaterBase(table: NameTable, index: number, name: string, range: SourceRange): void {
  if (knownImages.has(name) || table.images.has(name)) return;
  const later = table.stages.slice(index + 1).find((candidate) => candidate.name === name);
  if (later === undefined) return;
  throw failAt(table.dockerfile, range, `FROM names stage "${name}", which is declared later, in line ${later.line}`, {
    token: name,
    remedy: `Move that stage before this one; for the image of that name write "${name}:latest".`,
  });
}

export interface Reading {
  /** `COPY --from` or `RUN --mount from`. */
  readonly what: string;
  readonly name: string;
  readonly range: SourceRange;
  /** Index of the stage it stands in. */
  readonly stage: number;
  /** False in a stage that is not built: BuildKit looks at the order there, not at the names. */
  readonly strict: boolean;
}

/** What `--from` names. Throws BuildError DOCKERFILE_STAGE for the stage itself, a later one, an unknown one. */
export function resolveSource(table: NameTable, reading: Reading): Exclude<Source, {kind: 'main-context'}> {
  const {what, name, range, stage: self} = reading;
  const {dockerfile, stages} = table;
  if (name.includes('$')) {
    throw failAt(dockerfile, range, `${what} takes no variable`, {
      token: name,
      before: 'from=',
      remedy: `Give the image a stage of its own, "FROM ${name} AS NAME" with a global ARG, and name that stage.`,
    });
  }
  if (/^\d+$/.test(name)) return byIndex(table, reading);
  const stage = stages.findLast((candidate) => candidate.name === name.toLowerCase());
  if (stage !== undefined) return inOrder(table, reading, stage);
  const context = contextFor(table.contexts, name);
  if (context !== undefined) return {kind: 'context', name: context};
  if (name === 'scratch') return {kind: 'scratch'};
  if (!reading.strict) return {kind: 'image', reference: name};
  refuseNearStage(table, what, name, stages.slice(0, self), range);
  if (!isReference(name)) {
    throw failAt(dockerfile, range, `${what} names no stage, and "${name}" is no image reference`, {
      token: name,
      before: 'from=',
    });
  }
  return {kind: 'image', reference: name};
}

function byIndex(table: NameTable, reading: Reading): Exclude<Source, {kind: 'main-context'}> {
  const {what, name, range} = reading;
  const stage = table.stages[Number(name)];
  if (stage === undefined) {
    throw failAt(table.dockerfile, range, `${what} names stage ${name}; there are only ${table.stages.length}`, {
      token: name,
      before: 'from=',
      remedy: 'Stages are counted from 0.',
    });
  }
  if (what !== 'COPY --from' && reading.strict) {
    // BuildKit would ask a registry for an image called "0".
    throw failAt(table.dockerfile, range, `${what} takes the name of a stage, not its index`, {
      token: name,
      before: 'from=',
      remedy: stage.name === undefined ? `Name stage ${name}: FROM … AS NAME.` : `Write "${stage.name}".`,
    });
  }
  return inOrder(table, reading, stage);
}

function inOrder(
  table: NameTable,
  reading: Reading,
  stage: StageName,
): {readonly kind: 'stage'; readonly index: number} {
  const {what, name, range, stage: self} = reading;
  if (stage.index === self) {
    throw failAt(table.dockerfile, range, `${what} names the stage it stands in, "${name}"`, {
      token: name,
      before: 'from=',
      remedy: 'A stage reads from stages before it; to copy within a stage use RUN cp.',
    });
  }
  if (stage.index > self && reading.strict) {
    throw failAt(
      table.dockerfile,
      range,
      `${what} names stage "${name}", which is declared later, in line ${stage.line}`,
      {token: name, before: 'from=', remedy: 'Move that stage before this one.'},
    );
  }
  return {kind: 'stage', index: stage.index};
}
