import type {Redactor} from '../base/redact.js';

// A stream without line ends is broken here, so that memory stays bounded.
const longestLine = 64 * 1024;

/** Makes redacted lines out of the pieces of one output stream. */
export interface LogLines {
  /** The lines that this piece completes, without their line ends. */
  push(text: string): string[];
  /** The line that is not complete yet, as far as no secret can begin in it. */
  partial(): string;
  /** The rest, as a last line, where there is one. */
  end(): string[];
}

export const noRedaction: Redactor = {
  add: () => undefined,
  redact: (text) => text,
  safeLength: (text) => text.length,
};

/** A secret that is split over pieces is redacted: only complete lines leave, and `partial` holds back. */
export function createLogLines(redactor: Redactor): LogLines {
  let rest = '';
  const breakLong = (lines: string[]) => {
    while (rest.length > longestLine) {
      const head = rest.slice(0, longestLine);
      const safe = redactor.safeLength(head);
      // A secret longer than a line is broken all the same.
      const at = safe > 0 ? safe : head.length;
      lines.push(redactor.redact(rest.slice(0, at)));
      rest = rest.slice(at);
    }
  };
  return {
    push(text) {
      const lines: string[] = [];
      const parts = text.split('\n');
      for (const [index, part] of parts.entries()) {
        rest += part;
        breakLong(lines);
        if (index === parts.length - 1) break;
        lines.push(redactor.redact(rest.endsWith('\r') ? rest.slice(0, -1) : rest));
        rest = '';
      }
      return lines;
    },
    partial: () => (rest === '' ? '' : redactor.redact(rest.slice(0, redactor.safeLength(rest)))),
    end() {
      const lines = rest === '' ? [] : [redactor.redact(rest)];
      rest = '';
      return lines;
    },
  };
}
