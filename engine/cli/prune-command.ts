import {BuildError} from '../base/errors.js';
import {formatBytes} from '../base/format-bytes.js';
import {count} from '../progress/format.js';
import {pruneStore} from '../store/prune.js';
import {parseSize} from './flag-values.js';
import {parseAge, type StoreFlags, withStoreOf} from './store-options.js';
import type {Terminal} from './terminal.js';

export interface PruneFlags extends StoreFlags {
  readonly keep?: string;
  readonly olderThan?: string;
  readonly all?: boolean;
}

const nouns = {
  record: 'step',
  layer: 'base layer',
  snapshot: 'snapshot',
  blob: 'blob',
  cache: 'cache directory',
} as const;

/** `build-image prune`: removes what nothing needs, and of the cache as much as is asked for. */
export async function pruneCommand(
  _path: string | undefined,
  flags: PruneFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  if (flags.all === true && (flags.keep !== undefined || flags.olderThan !== undefined)) {
    throw new BuildError('USAGE', 'prune takes --all, or --keep and --older-than, not both');
  }
  const options = {
    ...(flags.keep !== undefined && {keepBytes: parseSize(flags.keep, '--keep')}),
    ...(flags.olderThan !== undefined && {olderThan: parseAge(flags.olderThan, '--older-than')}),
    ...(flags.all === true && {all: true}),
  };
  const report = await withStoreOf(flags, terminal, signal, (store) => pruneStore(store, options));
  if (flags.json === true) terminal.answer(`${JSON.stringify(report, null, 2)}\n`);
  else {
    const parts = (['record', 'layer', 'snapshot', 'blob', 'cache'] as const)
      .filter((kind) => report.removed[kind] > 0)
      .map((kind) => counted(report.removed[kind], nouns[kind]));
    if (report.halfMade > 0) parts.push(`${report.halfMade} half-made`);
    if (report.mounts > 0) parts.push(counted(report.mounts, 'leaked mount'));
    terminal.answer(`removed  ${parts.length === 0 ? 'nothing' : parts.join(', ')}\n`);
    terminal.answer(`freed    ${formatBytes(report.freed)}\nkept     ${formatBytes(report.kept)}\n`);
  }
  if (report.left > 0) {
    terminal.error(
      `${count(report.left, 'file')} of other users could not be deleted yet: the next build as this user deletes them.\n`,
    );
  }
  return 0;
}

function counted(number: number, noun: string): string {
  return number === 1 ? `1 ${noun}` : `${number} ${noun.replace(/y$/, 'ie')}s`;
}
