/** A plain YAML scalar with its type, and its text as Compose hands it on (a port `010` reaches the build as `8`). */
export interface PlainScalar {
  readonly value: string | number | boolean | null;
  readonly text: string;
  /** A date has no place where Compose takes scalars. */
  readonly date: boolean;
}

const nulls = new Set(['', '~', 'null', 'Null', 'NULL']);
const booleans = new Map([
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);
const date = /^\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)?$/;
const float = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;

/**
 * Types of plain scalars as the YAML library of Compose (go-yaml 3) gives them: YAML 1.2, with the octal numbers and
 * the underscores of 1.1, and with `yes` and `off` as text.
 */
export function resolvePlain(source: string): PlainScalar {
  if (nulls.has(source)) return {value: null, text: '', date: false};
  const boolean = booleans.get(source);
  if (boolean !== undefined) return {value: boolean, text: String(boolean), date: false};
  if (date.test(source)) return {value: source, text: source, date: true};
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(source)) {
    const negative = source.startsWith('-');
    return {value: negative ? -Infinity : Infinity, text: negative ? '-Inf' : '+Inf', date: false};
  }
  if (/^\.(?:nan|NaN|NAN)$/.test(source)) return {value: NaN, text: 'NaN', date: false};
  const integer = integerOf(source.replaceAll('_', ''));
  if (integer !== undefined) return {value: Number(integer), text: integer.toString(), date: false};
  const digits = source.replaceAll('_', '');
  if (float.test(digits)) return {value: Number(digits), text: formatFloat(Number(digits)), date: false};
  return {value: source, text: source, date: false};
}

function integerOf(source: string): bigint | undefined {
  const match = /^([-+]?)(0x[\da-fA-F]+|0o[0-7]+|0b[01]+|0[0-7]+|0|[1-9]\d*)$/.exec(source);
  const body = match?.[2];
  if (body === undefined) return undefined;
  const magnitude = /^0[0-7]+$/.test(body) ? BigInt(`0o${body.slice(1)}`) : BigInt(body);
  const value = match?.[1] === '-' ? -magnitude : magnitude;
  // What fits in no 64 bits is a floating point number there.
  return value >= -(2n ** 63n) && value < 2n ** 64n ? value : undefined;
}

/** Shortest digits, with an exponent (of two digits at least) below 1e-4 and from 1e6 on, as Go's `g` has it. */
function formatFloat(value: number): string {
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return Object.is(value, -0) ? '-0' : String(value);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
