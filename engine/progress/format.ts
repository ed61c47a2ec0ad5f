const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `0.3s`, `12.3s`, `1m 02s`, `1h 02m` for seconds; what is negative or no number counts as 0. */
export function formatDuration(seconds: number): string {
  const tenths = Number.isFinite(seconds) ? Math.round(Math.max(0, seconds) * 10) : 0;
  if (tenths < 600) return `${(tenths / 10).toFixed(1)}s`;
  const whole = Math.round(tenths / 10);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  const minutes = Math.floor(whole / 60);
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** `512 B`, `12.3 kB`, `1.5 GB`: decimal units as Docker shows them; what is negative or no number counts as 0. */
export function formatBytes(bytes: number): string {
  let value = Number.isFinite(bytes) ? Math.max(0, bytes) : 0;
  let unit = 0;
  // 999.95 would be shown as 1000.0.
  while (unit < units.length - 1 && value >= (unit === 0 ? 1000 : 999.95)) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? 'B'}`;
}

/** `1 step`, `2 steps`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
