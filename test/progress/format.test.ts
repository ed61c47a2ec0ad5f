import test from 'ava';
import {formatBytes} from '../../engine/base/format-bytes.js';
import {formatDuration} from '../../engine/progress/format.js';

for (const [seconds, text] of [
  [0, '0.0s'],
  [0.04, '0.0s'],
  [3.21, '3.2s'],
  [59.94, '59.9s'],
  [59.96, '1m 00s'],
  [62, '1m 02s'],
  [3599.9, '1h 00m'],
  [3720, '1h 02m'],
  [-1, '0.0s'],
  [NaN, '0.0s'],
  [Infinity, '0.0s'],
] as const) {
  test(`${seconds} seconds are shown as ${text}`, (t) => t.is(formatDuration(seconds), text));
}

for (const [bytes, text] of [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [1_500_000_000, '1.5 GB'],
  [2e18, '2000.0 PB'],
  [-5, '0 B'],
  [NaN, '0 B'],
] as const) {
  test(`${bytes} bytes are shown as ${text}`, (t) => t.is(formatBytes(bytes), text));
}
