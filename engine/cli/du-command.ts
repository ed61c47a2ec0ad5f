import {formatBytes} from '../base/format-bytes.js';
import {type DiskUsage, diskUsage, type UsageItem} from '../store/du.js';
import {type StoreFlags, withStoreOf} from './store-options.js';
import {renderTable} from './table.js';
import type {Terminal} from './terminal.js';

export interface DuFlags extends StoreFlags {
  readonly verbose?: boolean;
}

/** `build-image du`: what the store takes on the disk. */
export async function duCommand(
  _path: string | undefined,
  flags: DuFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const usage = await withStoreOf(flags, terminal, signal, diskUsage);
  if (flags.json === true) terminal.answer(`${JSON.stringify(usage, null, 2)}\n`);
  else terminal.answer(renderUsage(usage, flags.verbose === true));
  return 0;
}

function renderUsage(usage: DiskUsage, verbose: boolean): string {
  const groups = (['snapshots', 'blobs', 'records', 'caches', 'other'] as const).map((name) => [
    name,
    String(usage[name].count),
    formatBytes(usage[name].bytes),
  ]);
  const items = verbose
    ? `${renderTable([['KIND', 'ID', 'SIZE', 'LAST USED', 'IN USE', 'WHAT'], ...usage.items.map(rowOf)])}\n`
    : '';
  const sums = `total        ${formatBytes(usage.total)}\nreclaimable  ${formatBytes(usage.reclaimable)} by prune --all\n`;
  return `${items}${renderTable([['KIND', 'COUNT', 'SIZE'], ...groups])}\n${sums}`;
}

function rowOf(item: UsageItem): readonly string[] {
  const {kind, id, bytes, lastUsed, inUse, description} = item;
  const used = lastUsed === null ? '-' : lastUsed.slice(0, 19);
  return [kind, id.slice(0, 16), formatBytes(bytes), used, inUse ? 'yes' : 'no', description ?? ''];
}
