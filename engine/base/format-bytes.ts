const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

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
