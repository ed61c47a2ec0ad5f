import type {BuildRecord, Cause, RecordedStep} from '../../store/build-record.js';
import type {Facts, ListedFile} from '../../store/facts.js';
import type {EarlierBuilds} from '../explain/explain-steps.js';
import {matchSteps} from '../explain/match-steps.js';
import {ownCauses} from '../explain/own-causes.js';

/** Two builds of one target, one after the other, and what differs between them. */
export interface BuildChange {
  readonly before: BuildRecord;
  readonly after: BuildRecord;
  /** Both came to the same image: by its digest, its layers, or the cache key of the target's last step. */
  readonly sameResult: boolean;
  /** The image config is the same too. */
  readonly sameConfig: boolean;
  /** Of every step it is known what it was made of, then and now; else `variables` and `files` may lack some. */
  readonly known: boolean;
  /** Names of the variables that a step or a FROM depends on and that differ, each with the ids of those steps. */
  readonly variables: ReadonlyMap<string, readonly string[]>;
  /** Paths in the context that differ, each with the ids of the steps that read them. */
  readonly files: ReadonlyMap<string, readonly string[]>;
}

/** Every two builds that can be compared, the oldest first. Those that did not end well have no result to compare. */
export function buildChanges(past: EarlierBuilds): readonly BuildChange[] {
  const last = new Map<string, BuildRecord>();
  const found: BuildChange[] = [];
  for (const after of past.records.toReversed()) {
    if (after.outcome !== 'done') continue;
    const like = JSON.stringify([after.driver, after.target, after.platform]);
    const before = last.get(like);
    last.set(like, after);
    const facts = [before, after].map((record) => (record === undefined ? undefined : past.facts(record)));
    if (before === undefined || facts[0] === undefined || facts[1] === undefined) continue;
    found.push(changeOf(before, after, [facts[0], facts[1]], past));
  }
  return found;
}

function changeOf(
  before: BuildRecord,
  after: BuildRecord,
  [old, now]: readonly [Facts, Facts],
  past: EarlierBuilds,
): BuildChange {
  const matched = matchSteps(before.steps, after.steps);
  const variables = new Map<string, string[]>();
  const files = new Map<string, string[]>();
  for (const [id, parts] of now) {
    const step = after.steps.find((one) => one.id === id);
    // FROM names variables, and is not always a recorded step: not of another stage, nor of a base that another one has too.
    const was = matched.get(id) ?? (id.endsWith('.0') ? id : undefined);
    const earlier = was === undefined ? undefined : old.get(was);
    if (earlier === undefined) continue;
    const {fileList} = past;
    // As if the text were the same: of another one too the variables in it count.
    const compared = {
      ...{before: earlier, after: parts, sameText: true, sameLine: true},
      ...{fileList, whyGone: () => undefined},
    };
    for (const cause of ownCauses(compared).filter(isVariable)) add(variables, cause.name, id);
    for (const path of step === undefined ? [] : changedPaths(step, earlier, parts, past)) add(files, path, id);
  }
  const known = after.steps.every(
    ({id, instruction}) => instruction === 'FROM' || (now.has(id) && old.has(matched.get(id) ?? '')),
  );
  const sameConfig = isSame(before.image?.configDigest, after.image?.configDigest);
  return {
    before,
    after,
    sameResult: sameArtifacts(before, after) && sameImage(before, after),
    sameConfig,
    known,
    variables,
    files,
  };
}

const isVariable = ({kind}: Cause): boolean => kind === 'arg' || kind === 'env';

function add(to: Map<string, string[]>, name: string, id: string): void {
  to.set(name, [...(to.get(name) ?? []), id]);
}

const isSame = <T>(a: T | null | undefined, b: T | null | undefined): boolean =>
  a !== null && a !== undefined && a === b;

function sameImage(before: BuildRecord, after: BuildRecord): boolean {
  if (isSame(before.image?.configDigest, after.image?.configDigest)) return true;
  const [old, now] = [before, after].map(({layers}) => layers.map(({diffId}) => diffId ?? '?').join());
  if (old === now && old !== '' && old?.includes('?') === false) return true;
  return isSame(targetKey(before), targetKey(after));
}

/** Cache key of the last step of the target that does something. */
function targetKey({steps, target}: BuildRecord): string | null | undefined {
  const place = ({id}: RecordedStep): number => Number(id.slice(id.lastIndexOf('.') + 1));
  return steps.filter(({stage}) => stage === target).toSorted((a, b) => place(b) - place(a))[0]?.cacheKey;
}

/** Of what both took out. */
function sameArtifacts(before: BuildRecord, after: BuildRecord): boolean {
  const old = new Map(before.artifacts.map(({path, sha256}) => [path, sha256]));
  return after.artifacts.every(({path, sha256}) => !old.has(path) || old.get(path) === sha256);
}

function changedPaths(step: RecordedStep, before: readonly Fact[], after: readonly Fact[], past: EarlierBuilds) {
  const [old, now] = [contextFiles(step, before, past), contextFiles(step, after, past)];
  if (old === undefined || now === undefined) return [];
  const text = ({mode, digest}: ListedFile): string => `${mode} ${digest}`;
  const known = new Map(old.map((file) => [file.path, text(file)]));
  const changed = now.filter((file) => known.get(file.path) !== text(file)).map(({path}) => path);
  const left = new Set(now.map(({path}) => path));
  return [...changed, ...[...known.keys()].filter((path) => !left.has(path))];
}

type Fact = NonNullable<ReturnType<Facts['get']>>[number];

/**
 * The files, not directories, that a step read of the build context, with paths relative to it; undefined where a list
 * is gone. Of other contexts and stages none.
 */
export function contextFiles(
  {instruction, written}: Pick<RecordedStep, 'instruction' | 'written'>,
  facts: readonly Fact[],
  past: EarlierBuilds,
): readonly ListedFile[] | undefined {
  const found: ListedFile[] = [];
  for (const {kind, name, value} of facts) {
    if (kind !== 'content' || typeof value !== 'string' || readsElsewhere(instruction, written, name)) continue;
    const list = past.fileList(value);
    if (list === undefined) return undefined;
    for (const file of list) {
      if (!file.mode.startsWith('d')) found.push({...file, path: file.path.replace(/^\/+/, '')});
    }
  }
  return found;
}

/** Facts do not tell whose files they are; the instruction does. `name` is `files`, or `mount TARGET`. */
function readsElsewhere(instruction: string, written: string, name: string): boolean {
  if (instruction === 'FROM') return true;
  if (!name.startsWith('mount ')) return /\s--from=/.test(written);
  const target = name.slice('mount '.length);
  const mounts = [...written.matchAll(/--mount=(\S+)/g)].map(([, fields = '']) => fields);
  const own = mounts.filter((fields) => fields.includes(target));
  return (own.length > 0 ? own : mounts).some((fields) => /(?:^|,)from=/.test(fields));
}
