/** Nanoseconds. */
const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Go's `time.ParseDuration`: `1h30m`, `1.5s`, `-2ms`, `0`. Nanoseconds, or undefined where the text is no duration or
 * beyond 2^63 ns. Integral up to 2^53 ns (104 days), which health checks do not reach.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^([+-]?)(.*)$/s.exec(text);
  const body = match?.[2] ?? '';
  if (body === '0') return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined;
  let total = 0;
  for (const [, amount = '', unit = ''] of body.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += scaled(amount, units[unit] ?? 0);
  }
  if (total >= 2 ** 63) return undefined;
  return match?.[1] === '-' ? 0 - total : total;
}

/** Whole and fraction are scaled apart, so that `0.1s` is exact. */
function scaled(amount: string, unit: number): number {
  const [whole = '', fraction = ''] = amount.split('.');
  const part =
    fraction === '' ? 0 : Math.trunc(Number(`${fraction.slice(0, 15)}e${-Math.min(15, fraction.length)}`) * unit);
  return Number(whole === '' ? '0' : whole) * unit + part;
}
