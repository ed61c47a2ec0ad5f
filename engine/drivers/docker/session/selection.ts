import type {ContextEntry} from '../../../context/context.js';
import {type IgnoreRules, type MatchState, rulesOfPatterns} from '../../../context/ignore/ignore.js';
import {followLinks} from './follow-links.js';

/** What part of a tree the daemon wants, as its frontend says it in the headers of a transfer. */
export interface Selection {
  readonly exclude: readonly string[];
  readonly include: readonly string[];
  /** Paths that are wanted with everything that symlinks on the way to them lead to. */
  readonly follow: readonly string[];
}

export function selectionFrom(headers: ReadonlyMap<string, readonly string[]>): Selection {
  const values = (name: string): readonly string[] => {
    const sent = headers.get(name) ?? [];
    // Only values beyond ASCII are encoded, as in a query string.
    return headers.get(`${name}-encoded`)?.[0] === '1' ? sent.map(decodeQuery) : sent;
  };
  return {
    exclude: values('exclude-patterns'),
    include: values('include-patterns'),
    follow: values('followpaths'),
  };
}

function decodeQuery(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/**
 * The entries that are wanted, with the directories above them, in the order of the walk. `root` is the directory on disk
 * where links are followed; undefined for a tree without links.
 */
export async function* selectEntries(
  walked: AsyncIterable<ContextEntry>,
  selection: Selection,
  root: string | undefined,
): AsyncGenerator<ContextEntry> {
  const exclude = rules(selection.exclude);
  const include = includeRules(selection, root);
  if (exclude === undefined && include === undefined) {
    yield* walked;
    return;
  }
  const levels: Level[] = [];
  for await (const entry of walked) {
    while (levels.length > 0 && !entry.path.startsWith(`${levels.at(-1)?.entry.path ?? ''}/`)) levels.pop();
    const parent = levels.at(-1);
    const excluded = exclude?.match(entry.path, parent?.excluded);
    const included = include?.match(entry.path, parent?.included);
    const wanted = excluded?.ignored !== true && included?.ignored !== false;
    if (wanted) {
      for (const level of levels) {
        if (level.sent) continue;
        level.sent = true;
        yield level.entry;
      }
      yield entry;
    }
    if (entry.type === 'directory') levels.push({entry, excluded, included, sent: wanted});
  }
}

interface Level {
  readonly entry: ContextEntry;
  readonly excluded: MatchState | undefined;
  readonly included: MatchState | undefined;
  sent: boolean;
}

function includeRules(selection: Selection, root: string | undefined): IgnoreRules | undefined {
  const followed = root === undefined ? selection.follow : followLinks(root, selection.follow);
  const paths = [...selection.include, ...followed].map((path) => path.replace(/^\/+/, ''));
  return paths.some((path) => path === '' || path === '.') ? undefined : rules(paths);
}

function rules(patterns: readonly string[]): IgnoreRules | undefined {
  return patterns.length === 0 ? undefined : rulesOfPatterns(patterns);
}
