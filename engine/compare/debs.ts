import {readDeb, listDeb} from '../artifacts/deb.js';
import {compareDebianVersions} from '../artifacts/deb-version.js';

export interface FieldChange {
  /** As deb-control(5) has them, in lower case. */
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Two .deb files of one package, or one that only one side has. */
export interface DebDiff {
  readonly package: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** How the versions stand to each other, by Debian's order. */
  readonly change: 'added' | 'removed' | 'upgraded' | 'downgraded' | 'same version';
  readonly fields: readonly FieldChange[];
  readonly filesAdded: readonly string[];
  readonly filesRemoved: readonly string[];
}

interface DebFacts {
  readonly name: string;
  readonly version: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly files: readonly string[];
}

/** Control fields and file lists of packages on disk, by package name. Rejects with ARTIFACT_INVALID, IO. */
export async function compareDebs(
  before: readonly string[],
  after: readonly string[],
  signal: AbortSignal,
): Promise<readonly DebDiff[]> {
  const [old, now] = [await factsOf(before, signal), await factsOf(after, signal)];
  const names = [...new Set([...old.keys(), ...now.keys()])].sort();
  return names
    .map((name) => diffOf(name, old.get(name), now.get(name)))
    .filter((diff) => diff.fields.length + diff.filesAdded.length + diff.filesRemoved.length > 0);
}

async function factsOf(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, DebFacts>> {
  const found = new Map<string, DebFacts>();
  for (const path of paths) {
    if (!path.endsWith('.deb')) continue;
    const deb = await readDeb(path, signal);
    const files = (await listDeb(path, signal)).filter(({type}) => type !== 'directory').map((file) => `/${file.path}`);
    found.set(deb.package, {name: deb.package, version: deb.version, fields: deb.fields, files});
  }
  return found;
}

function diffOf(name: string, before: DebFacts | undefined, after: DebFacts | undefined): DebDiff {
  const names = [...new Set([...(before?.fields.keys() ?? []), ...(after?.fields.keys() ?? [])])];
  const fields = names
    .map((field) => ({name: field, before: before?.fields.get(field), after: after?.fields.get(field)}))
    .filter((field) => field.before !== field.after);
  const [old, now] = [new Set(before?.files), new Set(after?.files)];
  const order = before && after ? compareDebianVersions(before.version, after.version) : 0;
  const both = order < 0 ? 'upgraded' : order > 0 ? 'downgraded' : 'same version';
  return {
    package: name,
    before: before?.version,
    after: after?.version,
    change: before === undefined ? 'added' : after === undefined ? 'removed' : both,
    fields,
    filesAdded: [...now].filter((file) => !old.has(file)).sort(),
    filesRemoved: [...old].filter((file) => !now.has(file)).sort(),
  };
}
