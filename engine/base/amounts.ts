/** `512`, `64m`, `1.5GiB` in bytes (powers of 1024, any case); undefined where the text is no size or too large to count. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (match === null) return undefined;
  const power = 'kmgtp'.indexOf((match[2] ?? '').toLowerCase() || '-') + 1;
  const bytes = Math.trunc(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const units: Readonly<Record<string, number>> = {ms: 1, s: 1000, m: 60_000, h: 3_600_000};

/** `90` (seconds), `90s`, `10m`, `1h30m`, `1.5h` in milliseconds; undefined where the text is no duration. */
export function parseMilliseconds(text: string): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0),
    0,
  );
}

/** Milliseconds that a timer can be set to: Node's are at most 2^31-1. */
export const fitsTimer = (milliseconds: number): boolean => milliseconds > 0 && milliseconds < 2 ** 31;
