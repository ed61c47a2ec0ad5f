import {BuildError, quote} from '../base/errors.js';

/**
 * Fields of a flag such as `type=local,dest=out`: comma-separated, a field in double quotes may hold commas, `""` in it
 * stands for one quote (RFC 4180, as the docker client reads them). Throws USAGE on an unfinished quote.
 */
export function commaFields(text: string, flag: string): string[] {
  const fields: string[] = [];
  let at = 0;
  while (at <= text.length) {
    if (text[at] === '"') {
      let field = '';
      for (at++; ; at++) {
        if (at >= text.length) throw new BuildError('USAGE', `${flag}: a quote is not closed in ${quote(text)}`);
        if (text[at] !== '"') field += text[at] ?? '';
        else if (text[at + 1] === '"') field += text[++at] ?? '';
        else break;
      }
      at++;
      if (at < text.length && text[at] !== ',') {
        throw new BuildError('USAGE', `${flag}: text after a closing quote in ${quote(text)}`);
      }
      fields.push(field);
      at++;
    } else {
      const comma = text.indexOf(',', at);
      const end = comma === -1 ? text.length : comma;
      fields.push(text.slice(at, end));
      at = end + 1;
    }
  }
  return fields;
}

/** `key=value` fields; a field without `=` has an empty value. Keys are lower-cased, the last of a name wins. */
export function commaPairs(text: string, flag: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const field of commaFields(text, flag)) {
    if (field === '') continue;
    const [key, value] = splitOnce(field, '=');
    pairs.set(key.trim().toLowerCase(), value ?? '');
  }
  return pairs;
}

/** Text before and after the first separator; the second is undefined where there is none. */
export function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
