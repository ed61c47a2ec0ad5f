import type {Colors} from 'picocolors/types.js';
import {count, formatDuration} from './format.js';
import type {StepState} from './step-table.js';
import {clip, widthOf} from './columns.js';
import {formatTransfer, type Transfer} from './transfers.js';

const mostDetails = 4;
const widestBar = 24;

/** What the live view shows, at one moment. */
export interface View {
  readonly running: readonly RunningStep[];
  readonly summary: Summary;
}

export interface RunningStep {
  readonly name: string;
  /** Seconds. */
  readonly elapsed: number;
  /** Last log lines, clean, oldest first. */
  readonly tail: readonly string[];
  readonly transfers: readonly Transfer[];
}

export interface Summary {
  readonly done: number;
  /** Part of `done`. */
  readonly cached: number;
  /** Undefined until every stage is known. */
  readonly total: number | undefined;
  readonly elapsed: number;
  /** 0 to 1; undefined: not known. */
  readonly fraction: number | undefined;
  /** Seconds; undefined where nothing is known of the past. */
  readonly remaining: number | undefined;
}

/** At most `rows` lines of at most `columns` columns each (colours aside). The summary is the last. */
export function renderView(view: View, columns: number, rows: number, colors: Colors): string[] {
  if (rows <= 0 || columns <= 0) return [];
  const room = rows - 1;
  const {running} = view;
  const overflow = running.length > room;
  const shown = running.slice(0, overflow ? Math.max(0, room - 1) : room);
  const details = shareRows(shown.map(detailCount), room - shown.length - (overflow && room > 0 ? 1 : 0));
  const lines = shown.flatMap((step, index) => [
    headLine('▸', step.name, formatDuration(step.elapsed), columns, colors.cyan),
    ...detailLines(step, details[index] ?? 0).map((text) => colors.dim(clip(`    ${text}`, columns))),
  ]);
  if (overflow && room > 0) lines.push(colors.dim(clip(`  … ${running.length - shown.length} more running`, columns)));
  lines.push(summaryLine(view.summary, columns, colors));
  return lines;
}

/** `✓ name      3.2s`: what is right of the name stays visible, the name is clipped. */
export function headLine(mark: string, name: string, right: string, columns: number, paint: (text: string) => string) {
  const space = columns - widthOf(mark) - 1;
  const nameSpace = space - widthOf(right) - 1;
  if (nameSpace < 8) return paint(clip(`${mark} ${name}`, columns));
  const text = clip(name, nameSpace);
  return `${paint(mark)} ${text}${' '.repeat(space - widthOf(text) - widthOf(right))}${right}`;
}

export function endLine(step: StepState, columns: number, colors: Colors): string {
  switch (step.status) {
    case 'cached':
      return headLine('✓', step.name, 'cached', columns, colors.blue);
    case 'failed':
      return headLine('✗', step.name, formatDuration(step.seconds), columns, colors.red);
    case 'cancelled':
    case 'running':
      return headLine('-', step.name, 'stopped', columns, colors.yellow);
    case 'done':
      return headLine('✓', step.name, formatDuration(step.seconds), columns, colors.green);
  }
}

function detailCount(step: RunningStep): number {
  return Math.min(mostDetails, step.tail.length + step.transfers.length);
}

/** Transfers first, then as many of the last log lines as there is room for. */
function detailLines(step: RunningStep, rows: number): string[] {
  const transfers = step.transfers.slice(0, rows).map((transfer) => `${transfer.label}  ${formatTransfer(transfer)}`);
  const left = rows - transfers.length;
  return [...transfers, ...(left > 0 ? step.tail.slice(-left) : [])];
}

/** One row after another to each that still wants one. */
function shareRows(wanted: readonly number[], room: number): number[] {
  const given = wanted.map(() => 0);
  let left = Math.max(0, room);
  for (let round = 1; round <= mostDetails && left > 0; round++) {
    for (const [index, want] of wanted.entries()) {
      if (want < round || left === 0) continue;
      given[index] = round;
      left--;
    }
  }
  return given;
}

function summaryLine(summary: Summary, columns: number, colors: Colors): string {
  const total = summary.total === undefined ? '' : `/${summary.total}`;
  const parts = [
    summary.total === undefined ? count(summary.done, 'step') : `${summary.done}${total} steps`,
    ...(summary.cached > 0 ? [`${summary.cached} cached`] : []),
    formatDuration(summary.elapsed),
    ...(summary.remaining === undefined ? [] : [remainingText(summary.remaining)]),
  ];
  const text = parts.join(' · ');
  const barWidth = Math.min(widestBar, columns - widthOf(text) - 1);
  if (summary.fraction === undefined || barWidth < 4) return clip(text, columns);
  const full = Math.round(barWidth * Math.min(1, Math.max(0, summary.fraction)));
  return `${colors.green('━'.repeat(full))}${colors.dim('─'.repeat(barWidth - full))} ${text}`;
}

function remainingText(seconds: number): string {
  // A past build says little about tenths.
  if (seconds < 1) return 'almost done';
  const rounded = seconds < 60 ? Math.ceil(seconds) : Math.ceil(seconds / 10) * 10;
  return `about ${rounded < 60 ? `${rounded}s` : formatDuration(rounded)} left`;
}
