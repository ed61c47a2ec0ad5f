import {widthOf} from './columns.js';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
// Terminals that know it show the whole frame at once; others ignore it.
const beginFrame = '\x1b[?2026h';
const endFrame = '\x1b[?2026l';

/** Lines at the bottom of a terminal that are drawn again and again, and lines above them that stay. */
export interface LiveRegion {
  /** One write: `above` for good, then `lines` in place of what was drawn last. Nothing where nothing changed. */
  draw(above: readonly string[], lines: readonly string[], columns: number): void;
  /** Takes the region away and shows the cursor. Idempotent; also after a failed write. */
  close(): void;
}

/** `lines` must be narrower than the terminal, and one fewer than its rows: the cursor rests below them. */
export function createLiveRegion(write: (text: string) => void): LiveRegion {
  let drawn: readonly string[] = [];
  let hidden = false;

  /** Rows that the region takes now: a narrower terminal has wrapped its lines. */
  const rowsDrawn = (columns: number) =>
    drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(visibleWidth(line) / Math.max(1, columns))), 0);
  const up = (rows: number) => (rows === 0 ? '\r' : `\r\x1b[${rows}A`);
  let width = 0;

  return {
    draw(above, lines, columns) {
      const same = columns === width && lines.length === drawn.length && lines.every((line, i) => line === drawn[i]);
      if (above.length === 0 && same) return;
      const start = `${beginFrame}${hidden ? '' : hideCursor}${up(rowsDrawn(columns))}`;
      // Each line is cleared whole, before its text: cells that are erased behind a text count as text where a terminal
      // wraps anew after a resize, and clearing the whole screen would put the frame into the history of some.
      const body = [...above, ...lines].map((line) => `\x1b[2K${line}\n`).join('');
      hidden = true;
      drawn = lines;
      width = columns;
      write(`${start}${body}\x1b[J${endFrame}`);
    },
    close() {
      if (!hidden) return;
      hidden = false;
      const rows = rowsDrawn(width);
      const text = `${up(rows)}${'\x1b[2K\n'.repeat(rows)}${up(rows)}${showCursor}`;
      drawn = [];
      write(text);
    },
  };
}

function visibleWidth(line: string): number {
  return widthOf(line.replace(/\x1b\[[0-9;]*m/g, ''));
}
