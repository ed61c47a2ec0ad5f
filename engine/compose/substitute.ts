/** Where the value of a variable came from: the caller's environment, a `.env` file, or nowhere. */
export type VariableOrigin = 'environment' | '.env' | 'unset';

export interface VariableUse {
  readonly name: string;
  readonly origin: VariableOrigin;
}

export interface Variable {
  readonly value: string;
  readonly origin: 'environment' | '.env';
}

export interface Lookup {
  get(name: string): Variable | undefined;
  /** Told of each variable that is not set and has no default. */
  unset(name: string): void;
}

export interface Substituted {
  readonly text: string;
  /** The variables that decided the text, in order. */
  readonly uses: readonly VariableUse[];
}

/** What is wrong with a template, and where in it (offsets). */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly start: number;
  readonly end: number;
  readonly remedy: string | undefined;

  constructor(message: string, start: number, end: number, remedy?: string) {
    super(message);
    this.start = start;
    this.end = end;
    this.remedy = remedy;
  }
}

const namePattern = /[A-Za-z_][A-Za-z0-9_]*/y;
const escapeRemedy = 'Write $$ for a dollar sign that stands for itself.';

/**
 * Interpolation as the Compose specification has it (chapter "Interpolation"): `$VAR`, `${VAR}`, `:-` `-` `:+` `+` `:?`
 * `?`, nested, and `$$`. A dollar sign before anything else stays. A default is expanded even where it is not used, so
 * that a mistake in it shows. Throws TemplateError.
 */
export function substitute(template: string, lookup: Lookup): Substituted {
  return expand(template, 0, lookup);
}

function expand(template: string, base: number, lookup: Lookup): Substituted {
  const uses: VariableUse[] = [];
  let text = '';
  let at = 0;
  while (at < template.length) {
    const dollar = template.indexOf('$', at);
    if (dollar < 0) break;
    text += template.slice(at, dollar);
    const next = template[dollar + 1];
    const name = nameAt(template, dollar + 1);
    if (next === '$') {
      text += '$';
      at = dollar + 2;
    } else if (next === '{') {
      const end = closingBrace(template, dollar, base);
      const inner = braced(template.slice(dollar + 2, end), base + dollar + 2, lookup);
      text += inner.text;
      uses.push(...inner.uses);
      at = end + 1;
    } else if (name === '') {
      text += '$';
      at = dollar + 1;
    } else {
      const found = plain(name, lookup);
      text += found.text;
      uses.push(...found.uses);
      at = dollar + 1 + name.length;
    }
  }
  return {text: text + template.slice(at), uses};
}

function nameAt(template: string, at: number): string {
  namePattern.lastIndex = at;
  return namePattern.exec(template)?.[0] ?? '';
}

function plain(name: string, lookup: Lookup): Substituted {
  const found = lookup.get(name);
  if (found === undefined) lookup.unset(name);
  return {text: found?.value ?? '', uses: [{name, origin: found?.origin ?? 'unset'}]};
}

/** Offset of the brace that ends the expression which begins at `dollar`. */
function closingBrace(template: string, dollar: number, base: number): number {
  const name = nameAt(template, dollar + 2);
  const after = dollar + 2 + name.length;
  const newline = template.indexOf('\n', dollar);
  const line = template.slice(0, newline < 0 ? template.length : newline);
  const error = (message: string, end: number): TemplateError =>
    new TemplateError(message, base + dollar, base + end, escapeRemedy);
  if (name !== '' && template[after] === '}') return after;
  const last = line.lastIndexOf('}');
  if (last < dollar) {
    const where = newline < 0 ? '' : ' on its line';
    throw error(`"\${${name}" is never closed by "}"${where}`, line.length);
  }
  if (name === '') throw error('"${" must be followed by the name of a variable', Math.min(last, dollar + 3));
  if (!/^:?[-+?]/.test(template.slice(after))) {
    throw error(
      `after \${${name} comes "}" or one of :- - :+ + :? ?, not ${JSON.stringify(template.slice(after, after + 2))}`,
      last + 1,
    );
  }
  let depth = 0;
  for (let i = dollar; i <= last; i++) {
    if (line[i] === '}' && --depth === 0) return i;
    // The character after an opening brace is passed over, as Compose does: `{}` in a default stays whole.
    if (line[i] === '{') {
      depth++;
      i++;
    }
  }
  return last;
}

/** The inside of `${…}`: a name, and perhaps an operator with its word. */
function braced(body: string, base: number, lookup: Lookup): Substituted {
  const name = nameAt(body, 0);
  const operator = /^:?[-+?]/.exec(body.slice(name.length))?.[0];
  if (operator === undefined) return plain(name, lookup);
  const wordStart = name.length + operator.length;
  const word = expand(body.slice(wordStart), base + wordStart, lookup);
  const found = lookup.get(name);
  const use: VariableUse = {name, origin: found?.origin ?? 'unset'};
  const present = found !== undefined && (operator.length === 1 || found.value !== '');
  switch (operator.at(-1)) {
    case '-':
      return present ? {text: found.value, uses: [use]} : {text: word.text, uses: [use, ...word.uses]};
    case '+':
      return present ? {text: word.text, uses: [use, ...word.uses]} : {text: '', uses: [use]};
    default: {
      if (present) return {text: found.value, uses: [use]};
      const state = found === undefined ? 'is not set' : 'is empty';
      throw new TemplateError(
        `the required variable ${name} ${state}${word.text === '' ? '' : `: ${word.text}`}`,
        base - 2,
        base + body.length + 1,
        `Set ${name} in the environment or in .env.`,
      );
    }
  }
}
