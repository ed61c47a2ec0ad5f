import type {HealthConfig} from '../oci/config.js';

/** What a Go program prints with `%q` for a string: BuildKit writes commands into the history that way. */
export function goQuote(text: string): string {
  return `"${text.replace(/./gsu, (character) => goEscape(character, '"'))}"`;
}

const named: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

function goEscape(character: string, delimiter: string): string {
  if (character === delimiter) return `\\${delimiter}`;
  const short = named[character];
  if (short !== undefined) return short;
  if (character === ' ' || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** `["a" "b"]`: `%q` of a list. */
export function goQuoteList(words: readonly string[]): string {
  return `[${words.map(goQuote).join(' ')}]`;
}

/** `1h0m0s`, `1m30s`, `1.5s`, `100ms`: nanoseconds as Go prints a duration. */
export function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const whole = BigInt(nanoseconds);
  const fraction = String(whole % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const all = whole / 1_000_000_000n;
  const [hours, minutes, seconds] = [all / 3600n, (all / 60n) % 60n, all % 60n];
  const prefix = hours > 0n ? `${hours}h${minutes}m` : minutes > 0n ? `${minutes}m` : '';
  return `${prefix}${seconds}${fraction === '' ? '' : `.${fraction}`}s`;
}

/** `HEALTHCHECK &{["CMD" "x"] "5s" "0s" "0s" "0s" '\x03'}`: `%q` of the whole structure. */
export function healthCreatedBy(health: HealthConfig): string {
  const times = [health.Interval, health.Timeout, health.StartPeriod, health.StartInterval];
  const durations = times.map((time) => `"${goDuration(time ?? 0)}"`).join(' ');
  const retries = health.Retries ?? 0;
  // A number is quoted as the character of that code.
  const valid = retries >= 0 && retries <= 0x10ffff && !(retries >= 0xd800 && retries <= 0xdfff);
  const character = valid ? String.fromCodePoint(retries) : '\ufffd';
  return `HEALTHCHECK &{${goQuoteList(health.Test ?? [])} ${durations} '${goEscape(character, "'")}'}`;
}

/** `|2 A=1 B=`: the ARGs before a RUN, or nothing. */
export function runCreatedBy(
  args: readonly {readonly name: string; readonly value: string | undefined}[],
  argv: readonly string[],
): string {
  const declared = args.map(({name, value}) => `${name}=${value ?? ''}`);
  const prefix = args.length === 0 ? [] : [`|${args.length}`, ...declared];
  return ['RUN', ...prefix, ...argv, '# buildkit'].join(' ');
}
