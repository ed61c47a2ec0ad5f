const units: Readonly<Record<string, number>> = {'': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40};
const times: Readonly<Record<string, number>> = {ms: 1, s: 1000, m: 60_000, h: 3_600_000};

/** `200m`, `1g`, `1.5GiB` in bytes, for a text that the schema has checked: the units of the flags. */
export function parseSizeText(text: string): number {
  const match = /^([\d.]+)([kmgt]?)/i.exec(text);
  return Math.round(Number(match?.[1]) * (units[(match?.[2] ?? '').toLowerCase()] ?? 1));
}

/** `90`, `90s`, `1h30m` in milliseconds, likewise. */
export function parseTimeText(text: string): number {
  if (/^[\d.]+$/.test(text)) return Number(text) * 1000;
  return [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (times[unit ?? ''] ?? 0),
    0,
  );
}
