import {failureBlock} from './failure.js';
import {noRedaction} from './log-lines.js';
import {guarded, type Progress, type ProgressOptions} from './progress.js';
import {createStepTable} from './step-table.js';

/** Says nothing, except the complete log of a step that failed. */
export function createQuietProgress(options: ProgressOptions): Progress {
  const redactor = options.redactor ?? noRedaction;
  const table = createStepTable(options.now, redactor);
  return guarded({
    emit(event) {
      if (event.type === 'step-started') table.start(event);
      else if (event.type === 'step-log') table.log(event);
      else if (event.type === 'step-done' || event.type === 'step-cached') table.end(event);
    },
    close() {
      try {
        table.flush();
        for (const step of table.failed) {
          for (const piece of failureBlock(step, options.color, redactor)) options.write(piece);
        }
      } finally {
        table.close();
      }
    },
  });
}
