import stringWidth from 'string-width';

const segmenter = new Intl.Segmenter(undefined, {granularity: 'grapheme'});
const tabStop = 8;
// A terminal is at most some hundred columns wide: longer text is cut before the slow measuring.
const longestMeasured = 4096;
const printableAscii = /^[ -~]*$/;

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
