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

/** `1 step`, `2 steps`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
