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
