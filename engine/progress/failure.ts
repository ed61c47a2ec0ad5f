import type {Redactor} from '../base/redact.js';
import {formatDuration} from './format.js';
import type {StepState} from './step-table.js';
import {plainText} from './text.js';

const pieceSize = 64 * 1024;

/**
 * The complete log of a failed step, from its first line, under a title and above the error, in pieces to write. What
 * overwrote itself with carriage returns is shown line by line.
 */
export function* failureBlock(step: StepState, color: boolean, redactor: Redactor): Generator<string> {
  const where = step.line === undefined ? '' : ` (line ${step.line})`;
  let piece = `\n#${step.number} ${step.name}${where} failed after ${formatDuration(step.seconds)}`;
  piece += step.log.empty ? ' without any output\n' : ', its complete log:\n';
  for (const line of step.log.lines()) {
    for (const part of line.split('\r')) {
      if (part === '' && line !== '') continue;
      piece += `${redactor.redact(plainText(part, color))}\n`;
    }
    if (piece.length >= pieceSize) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}#${step.number} ERROR: ${step.error ?? ''}\n`;
}
