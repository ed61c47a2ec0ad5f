import stringWidth from 'string-width';

const segmenter = new Intl.Segmenter(undefined, {granularity: 'grapheme'});
const tabStop = 8;
// A terminal is at most some hundred columns wide: longer text is cut before the slow measuring.
const longestMeasured = 4096;

const operatingSystemCommand = /(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)/g;
const controlSequence = /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]/g;
const otherEscape = /\x1b[ -/]*[0-~]?/g;
const control = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;
const color = /^(?:\x1b\[|\x9b)[0-9;:]*m$/;
const keptColor = /\ufdd0([0-9;:]*)\ufdd1/g;
const printableAscii = /^[ -~]*$/;

/**
 * One line without anything that moves the cursor, sets titles or hides text; tabs stay. With `colors`, colour sequences
 * stay too, and the line ends with a reset where it has one.
 */
export function plainText(line: string, colors = false): string {
  if (printableAscii.test(line)) return line;
  // Kept sequences are carried through the removal between noncharacters (U+FDD0, U+FDD1), which the text itself loses.
  const text = colors ? line.replace(/[\ufdd0\ufdd1]/g, '\ufffd') : line;
  const marked = text
    .replace(operatingSystemCommand, '')
    .replace(controlSequence, (sequence) =>
      colors && color.test(sequence) ? `\ufdd0${sequence.replace(/^(?:\x1b\[|\x9b)|m$/g, '')}\ufdd1` : '',
    )
    .replace(otherEscape, '')
    .replace(control, '');
  if (!colors) return marked;
  const out = marked.replace(keptColor, '\x1b[$1m');
  return out === marked ? out : `${out}\x1b[0m`;
}

/** What is seen of a line that a progress bar wrote again and again: the text after the last carriage return. */
export function lastOverwrite(line: string): string {
  const parts = line.split('\r');
  return parts.findLast((part) => part.trim() !== '') ?? '';
}

/** Tabs as spaces up to the next multiple of 8 columns. */
export function expandTabs(text: string): string {
  if (!text.includes('\t')) return text;
  let out = '';
  for (const part of text.slice(0, longestMeasured).split(/(\t)/)) {
    out += part === '\t' ? ' '.repeat(tabStop - (widthOf(out) % tabStop)) : part;
  }
  return out;
}

/** Columns that a text takes: wide characters two, combining ones none. */
export function widthOf(text: string): number {
  return printableAscii.test(text) ? text.length : stringWidth(text);
}

/** The text, or its beginning and `…`, in at most `columns` columns. The text holds no control characters. */
export function clip(text: string, columns: number): string {
  if (columns <= 0) return '';
  if (printableAscii.test(text)) return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
  const measured = text.slice(0, longestMeasured);
  if (measured.length === text.length && stringWidth(text) <= columns) return text;
  const kept: string[] = [];
  let width = 0;
  for (const {segment} of segmenter.segment(measured)) {
    const next = width + stringWidth(segment);
    if (next > columns - 1) break;
    kept.push(segment);
    width = next;
  }
  // Clusters may join differently once the text is cut.
  while (kept.length > 0 && stringWidth(`${kept.join('')}…`) > columns) kept.pop();
  return `${kept.join('')}…`;
}
