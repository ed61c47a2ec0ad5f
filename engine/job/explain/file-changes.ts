import type {ChangedFiles} from '../../store/build-record.js';
import type {ListedFile} from '../../store/facts.js';

const mostNamed = 10;

/** Says more of a path that is not sent any more: that a rule leaves it out, or undefined. */
export type WhyGone = (path: string) => string | undefined;

/**
 * What differs between two lists of files that a step read. A file that came under another name is told once, as renamed.
 * Directories are named only where nothing else is: one that holds a new file has not changed by that.
 */
export function changedFiles(
  before: readonly ListedFile[],
  after: readonly ListedFile[],
  whyGone: WhyGone = () => undefined,
): ChangedFiles {
  const old = new Map(before.map((file) => [file.path, file]));
  const changes: {path: string; change: string}[] = [];
  const added: ListedFile[] = [];
  for (const file of after) {
    const was = old.get(file.path);
    old.delete(file.path);
    if (was === undefined) added.push(file);
    else if (was.mode !== file.mode && was.digest === file.digest) {
      changes.push({path: shown(file), change: `mode ${modeText(was)} -> ${modeText(file)}`});
    } else if (was.mode !== file.mode) {
      changes.push({path: shown(file), change: `content, mode ${modeText(was)} -> ${modeText(file)}`});
    } else if (was.digest !== file.digest) changes.push({path: shown(file), change: 'content'});
  }
  const gone = [...old.values()];
  for (const file of added) {
    const from = gone.findIndex(({mode, digest}) => mode === file.mode && digest === file.digest);
    const was = gone[from];
    if (was === undefined) changes.push({path: shown(file), change: 'added'});
    else {
      gone.splice(from, 1);
      changes.push({path: shown(file), change: `renamed from ${shown(was)}`});
    }
  }
  for (const file of gone) changes.push({path: shown(file), change: whyGone(shown(file)) ?? 'removed'});
  changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const total = after.filter(({mode}) => !mode.startsWith('d')).length;
  return {changed: changes.length, total, named: changes.slice(0, mostNamed)};
}

const modeText = ({mode}: ListedFile): string =>
  mode.replace(/^d/, '').replace(/^[0-7]+$/, (bits) => bits.padStart(4, '0'));

/** The path without its first slash; the root itself is `.`. */
const shown = ({path}: ListedFile): string => {
  const relative = path.startsWith('/') ? path.slice(1) : path;
  return relative === '' ? '.' : relative;
};

/** `2 of 987 files changed: src/app.py, debian/changelog (added)`. */
export function changedText({changed, total, named}: ChangedFiles): string {
  const shownNames = named.map(({path, change}) => (change === 'content' ? path : `${path} (${change})`));
  const more = changed > named.length ? ` and ${changed - named.length} more` : '';
  return `${changed} of ${total} ${total === 1 ? 'file' : 'files'} changed: ${shownNames.join(', ')}${more}`;
}
