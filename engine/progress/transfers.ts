import type {BuildEventBody} from './events.js';
import {formatBytes} from '../base/format-bytes.js';

// The rate is that of the last seconds, not of the whole transfer.
const window = 3000;

export interface Transfer {
  readonly label: string;
  readonly current: number;
  /** 0: unknown. */
  readonly total: number;
  /** Per second; undefined until it can be measured. */
  readonly rate: number | undefined;
  readonly unit: 'bytes' | 'items';
}

interface Sample {
  readonly time: number;
  readonly current: number;
}

/** The transfers of a step by label. */
export interface Transfers {
  update(event: BuildEventBody & {type: 'step-progress'}, label: string): Transfer;
  /** Those that have not reached their total, in order of their start. */
  open(): readonly Transfer[];
}

export function createTransfers(now: () => number): Transfers {
  const transfers = new Map<string, {transfer: Transfer; older: Sample; newer: Sample}>();
  return {
    update(event, label) {
      const sample = {time: now(), current: event.current};
      const known = transfers.get(event.label);
      let older = known?.older ?? sample;
      let newer = known?.newer ?? sample;
      if (sample.time - newer.time > window) {
        older = newer;
        newer = sample;
      }
      const elapsed = (sample.time - older.time) / 1000;
      const rate = elapsed >= 0.5 ? Math.max(0, sample.current - older.current) / elapsed : undefined;
      const transfer: Transfer = {
        label,
        current: event.current,
        total: event.total,
        rate,
        unit: event.unit ?? 'bytes',
      };
      transfers.set(event.label, {transfer, older, newer});
      return transfer;
    },
    open: () => [...transfers.values()].map(({transfer}) => transfer).filter((transfer) => !isComplete(transfer)),
  };
}

export function isComplete(transfer: Transfer): boolean {
  return transfer.total > 0 && transfer.current >= transfer.total;
}

/** `12.3 MB / 45.6 MB 3.2 MB/s`. */
export function formatTransfer(transfer: Transfer): string {
  const amount = (value: number) => (transfer.unit === 'bytes' ? formatBytes(value) : String(Math.round(value)));
  const total = transfer.total > 0 ? ` / ${amount(transfer.total)}` : '';
  const rate = transfer.rate === undefined || isComplete(transfer) ? '' : ` ${amount(transfer.rate)}/s`;
  return `${amount(transfer.current)}${total}${rate}`;
}
