import type {BuildEventBody} from '../../engine/progress/events.js';
import type {Progress} from '../../engine/progress/progress.js';
import type {TerminalProgressOptions} from '../../engine/progress/terminal.js';

/** A clock and timers that move only when told, and what was written. */
export function bench(columns = 60, rows = 16) {
  let time = Date.UTC(2026, 0, 2, 3, 4, 5);
  let ticks: (() => void)[] = [];
  const writes: string[] = [];
  const size = {columns, rows};
  const options: TerminalProgressOptions = {
    write: (text) => writes.push(text),
    now: () => time,
    color: false,
    columns: () => size.columns,
    rows: () => size.rows,
    every: (_, action) => {
      ticks.push(action);
      return () => {
        ticks = ticks.filter((tick) => tick !== action);
      };
    },
  };
  return {
    options,
    size,
    writes,
    output: () => writes.join(''),
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
    tick: () => {
      for (const tick of ticks) tick();
    },
    pendingTimers: () => ticks.length,
  };
}

/** Plays events; a number passes so many seconds. */
export function play(
  progress: Progress,
  pass: (seconds: number) => void,
  script: readonly (BuildEventBody | number)[],
) {
  for (const entry of script) {
    if (typeof entry === 'number') pass(entry);
    else progress.emit(entry);
  }
}

/** A build of two stages in which one step fails. */
export const failingBuild: readonly (BuildEventBody | number)[] = [
  {type: 'step-started', step: 'ctx', name: '[internal] load build context'},
  {type: 'step-progress', step: 'ctx', label: 'transferring context', current: 0, total: 45_600_000},
  1,
  {type: 'step-progress', step: 'ctx', label: 'transferring context', current: 12_300_000, total: 45_600_000},
  1,
  {type: 'step-progress', step: 'ctx', label: 'transferring context', current: 45_600_000, total: 45_600_000},
  {type: 'step-done', step: 'ctx', seconds: 2},
  {type: 'step-cached', step: 'b1', name: '[builder 1/3] FROM debian:bookworm'},
  {type: 'step-started', step: 'b2', name: '[builder 2/3] RUN make', stage: 'builder', line: 4},
  {type: 'step-started', step: 'p2', name: '[production 2/2] RUN apt-get install', stage: 'production', line: 9},
  0.5,
  {type: 'step-log', step: 'b2', stream: 'stdout', text: 'cc -c on'},
  {
    type: 'step-log',
    step: 'p2',
    stream: 'stdout',
    text: 'Reading package lists... 0%\rReading package lists... Done\n',
  },
  {type: 'step-log', step: 'b2', stream: 'stdout', text: 'e.c\ncc -c two.c\n'},
  0.25,
  {type: 'step-log', step: 'b2', stream: 'stderr', text: '\u001b[31mtwo.c:1: error\u001b[0m\r\n'},
  {type: 'warning', rule: 'LegacyKeyValueFormat', line: 7, message: 'use ENV key=value'},
  {type: 'step-log', step: 'b2', stream: 'stderr', text: 'make: *** [all] Error 1'},
  0.25,
  {type: 'step-done', step: 'b2', seconds: 1, error: 'exit code 2'},
  {type: 'step-done', step: 'p2', seconds: 1, error: 'context canceled'},
];

/** A terminal of so many columns that understands what the renderers write; unknown sequences throw. */
export function screen(columns: number) {
  const lines: string[][] = [[]];
  let row = 0;
  let column = 0;
  let cursor = true;
  const line = () => {
    while (lines.length <= row) lines.push([]);
    return lines[row] ?? [];
  };
  return {
    write(text: string) {
      const tokens = text.match(/\u001b\[[?0-9;]*[A-Za-z]|[^]/gu) ?? [];
      for (const token of tokens) {
        if (token === '\n') {
          row++;
          column = 0;
          line();
        } else if (token === '\r') column = 0;
        else if (/^\u001b\[\d+A$/.test(token)) row = Math.max(0, row - Number(token.slice(2, -1)));
        else if (token === '\u001b[2K') line().length = 0;
        else if (token === '\u001b[J') {
          line().length = Math.min(line().length, column);
          lines.length = row + 1;
        } else if (token === '\u001b[?25l') cursor = false;
        else if (token === '\u001b[?25h') cursor = true;
        else if (/^\u001b\[\?2026[hl]$/.test(token) || /^\u001b\[[0-9;]*m$/.test(token)) continue;
        else if (token.startsWith('\u001b')) throw new Error(`unknown sequence ${JSON.stringify(token)}`);
        else {
          if (column >= columns) {
            row++;
            column = 0;
          }
          const cells = line();
          while (cells.length < column) cells.push(' ');
          cells[column++] = token;
        }
      }
    },
    text: () =>
      lines
        .map((cells) => cells.join('').trimEnd())
        .join('\n')
        .trimEnd(),
    cursorShown: () => cursor,
  };
}
