import {BuildError, quote} from '../base/errors.js';

/** Fields of one paragraph, names in lower case. Values of several lines keep their line ends, without the indent. */
export type ControlFields = ReadonlyMap<string, string>;

/**
 * One paragraph of Debian's control syntax (deb822(5)): fields, folded over indented lines. `file` names the text in
 * errors. Throws BuildError ARTIFACT_INVALID with the line.
 */
export function parseControl(text: string, file: string): ControlFields {
  const fields = new Map<string, string>();
  let last: string | undefined;
  let ended = false;
  const fail = (message: string, line: number): never => {
    throw new BuildError('ARTIFACT_INVALID', message, {file, source: text, range: {start: line, end: line}});
  };
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      ended ||= last !== undefined;
      continue;
    }
    if (ended) fail('a second paragraph, where a package has one', index + 1);
    if (/^[ \t]/.test(line)) {
      if (last === undefined) fail('a continued line before the first field', index + 1);
      else fields.set(last, `${fields.get(last) ?? ''}\n${line.slice(1)}`);
      continue;
    }
    const match = /^([!-9;-~]+)[ \t]*:[ \t]*(.*)$/.exec(line);
    const name = match?.[1]?.toLowerCase();
    if (name === undefined || name.startsWith('-')) {
      fail(`expected "Field: value", got ${quote(line)}`, index + 1);
      continue;
    }
    if (fields.has(name)) fail(`the field ${match?.[1] ?? name} is there twice`, index + 1);
    fields.set(name, (match?.[2] ?? '').trimEnd());
    last = name;
  }
  return fields;
}

/** The short description, and the extended one with its paragraphs (Debian Policy, section 5.6.13). */
export function descriptionOf(fields: ControlFields): {readonly synopsis: string; readonly extended: string} {
  const [synopsis = '', ...rest] = (fields.get('description') ?? '').split('\n');
  return {synopsis, extended: rest.map((line) => (line.trim() === '.' ? '' : line)).join('\n')};
}

/** Relations of a field, folded lines joined: `["libc6 (>= 2.36)", "adduser"]`. */
export function relationsOf(fields: ControlFields, name: string): readonly string[] {
  return (fields.get(name) ?? '')
    .split(',')
    .map((relation) => relation.replace(/\s+/g, ' ').trim())
    .filter((relation) => relation !== '');
}
