import {formatBytes} from '../base/format-bytes.js';
import {formatDuration} from '../progress/format.js';
import {markup, type Markup} from './html.js';

export interface Point {
  readonly name: string;
  /** Shorter, beside the point. */
  readonly label: string;
  /** Bytes. */
  readonly size: number;
  readonly seconds: number;
  readonly kind: 'base' | 'plain' | 'bad';
}

/** Numbers from 0 or near the least to beyond the most, at round distances. */
export function ticks(least: number, most: number, about: number): readonly number[] {
  const span = most - least || Math.max(1, most);
  // Steps too small to change a number would never end.
  const raw = Math.max(span / about, most * 1e-9, 1e-9);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= raw) ?? raw;
  const first = Math.max(0, Math.floor(least / step) * step);
  const found: number[] = [];
  for (let at = first; found.length === 0 || (found.at(-1) ?? 0) < most; at += step) found.push(at);
  return found;
}

/** Ticks too near each other to differ are named by how much is added to the lowest. */
function sizeLabel(size: number, ticksOfAxis: readonly number[]): string {
  const texts = new Set(ticksOfAxis.map(formatBytes));
  const [low = 0] = ticksOfAxis;
  return texts.size === ticksOfAxis.length || size === low ? formatBytes(size) : `+${formatBytes(size - low)}`;
}

/** Size against time; positions are in per cent, so that texts keep their size. */
export function plot(points: readonly Point[]): Markup {
  const xs = ticks(0, Math.max(0.1, ...points.map(({seconds}) => seconds)), 5);
  const sizes = points.map(({size}) => size);
  const ys = ticks(Math.min(...sizes), Math.max(...sizes), 4);
  const [left, width, top, height] = [9, 87, 4, 82];
  const x = (seconds: number): number => left + (seconds / (xs.at(-1) ?? 1)) * width;
  const [low, high] = [ys[0] ?? 0, ys.at(-1) ?? 1];
  const y = (size: number): number => top + height - ((size - low) / (high - low || 1)) * height;
  const per = (value: number): string => `${value.toFixed(2)}%`;
  const labelled = points.length <= 12;
  return markup`<figure>
    <svg
      class="plot"
      role="img"
      aria-label="Size of each variant's image against the time it takes; the table above has the numbers"
    >
      ${ys.map((size) => markup`<line x1="${per(left)}" x2="${per(left + width)}" y1="${per(y(size))}" y2="${per(y(size))}" /><text x="${per(left - 1)}" y="${per(y(size))}" dy="4" text-anchor="end">${sizeLabel(size, ys)}</text> `)}
      ${xs.map((seconds) => markup`<text x="${per(x(seconds))}" y="${per(top + height)}" dy="22" text-anchor="middle">${formatDuration(seconds)}</text> `)}
      ${points.map(
        ({name, size, seconds, kind}) =>
          markup`<circle class="${kind}" cx="${per(x(seconds))}" cy="${per(y(size))}" r="6"
            ><title>${name}: ${formatBytes(size)}, ${formatDuration(seconds)}</title></circle
          > `,
      )}
      ${labelled && labels(points, x, y).map(({text, at, anchor, px, py}) => markup`<text class="label" x="${per(px)}" y="${per(py)}" dx="${anchor === 'end' ? -11 : 11}" dy="${at}" text-anchor="${anchor}">${text}</text> `)}
    </svg>
    <figcaption>Size of the image against time: to the left is faster, below is smaller</figcaption>
  </figure>`;
}

/** One text for points that lie on each other. */
function labels(points: readonly Point[], x: (seconds: number) => number, y: (size: number) => number) {
  const groups: {names: string[]; px: number; py: number}[] = [];
  for (const {label, seconds, size} of points) {
    const [px, py] = [x(seconds), y(size)];
    const near = groups.find((group) => Math.abs(group.px - px) < 18 && Math.abs(group.py - py) < 6);
    if (near === undefined) groups.push({names: [label], px, py});
    else near.names.push(label);
  }
  return groups.map(({names, px, py}) => {
    const more = names.length > 1 ? ` and ${names.length - 1} more` : '';
    const first = names[0] ?? '';
    const short = first.length > 28 ? `${first.slice(0, 27)}…` : first;
    return {text: `${short}${more}`, at: 4, anchor: px > 55 ? 'end' : 'start', px, py};
  });
}
