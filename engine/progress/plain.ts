import type {Colors} from 'picocolors/types.js';
import type {BuildEventBody} from './events.js';
import {failureBlock} from './failure.js';
import {count, formatDuration} from './format.js';
import {noRedaction} from './log-lines.js';
import {guarded, type Progress, type ProgressOptions} from './progress.js';
import {createStepTable, type StepState} from './step-table.js';
import {lastOverwrite, plainText} from './text.js';
import {formatTransfer, isComplete} from './transfers.js';

// Lines of other steps after which a step is named again.
const forgotten = 20;
// Milliseconds between two lines about the same transfer.
const transferInterval = 5000;

export type PlainColors = Pick<Colors, 'bold' | 'cyan' | 'green' | 'red' | 'yellow'>;
const same = String;
const uncolored: PlainColors = {bold: same, cyan: same, green: same, red: same, yellow: same};

/**
 * One line a fact, each with the number of its step: `#7 [builder 3/7] RUN make`, `#7 0.812 text`, `#7 DONE 3.2s`. The
 * complete log of a failed step is repeated at the end.
 */
export function createPlainProgress(options: ProgressOptions, colors: PlainColors = uncolored): Progress {
  const redactor = options.redactor ?? noRedaction;
  const table = createStepTable(options.now, redactor);
  const namedAt = new Map<string, number>();
  const transfersAt = new Map<string, number>();
  let lineNumber = 0;
  let current: string | undefined;

  const line = (text: string) => {
    lineNumber++;
    options.write(`${text}\n`);
  };

  const turnTo = (step: StepState) => {
    const named = namedAt.get(step.id);
    if (named === undefined || (current !== step.id && lineNumber - named > forgotten)) {
      line(`#${step.number} ${colors.bold(step.name)}`);
      namedAt.set(step.id, lineNumber);
    }
    current = step.id;
  };

  const logLines = (step: StepState, lines: readonly string[]) => {
    const seconds = Math.max(0, options.now() - step.startedAt) / 1000;
    for (const raw of lines) {
      turnTo(step);
      const text = redactor.redact(plainText(lastOverwrite(raw), options.color));
      line(`#${step.number} ${seconds.toFixed(3)}${text === '' ? '' : ` ${text}`}`);
    }
  };

  const endStep = (event: BuildEventBody & {type: 'step-done' | 'step-cached'}) => {
    const {step, rest, changed} = table.end(event);
    logLines(step, rest);
    if (!changed) return;
    turnTo(step);
    line(`#${step.number} ${ending(step)}`);
    line('');
  };

  const ending = (step: StepState): string => {
    switch (step.status) {
      case 'cached':
        return colors.cyan('CACHED');
      case 'failed':
        return colors.red(`ERROR: ${step.error ?? ''}`);
      case 'cancelled':
        return colors.yellow('CANCELED');
      default:
        return `${colors.green('DONE')} ${formatDuration(step.seconds)}`;
    }
  };

  const transfer = (event: BuildEventBody & {type: 'step-progress'}) => {
    const step = table.step(event.step);
    const state = step.transfers.update(event, table.clean(event.label));
    const key = `${step.id}\n${event.label}`;
    const last = transfersAt.get(key);
    if (last === Infinity) return;
    if (!isComplete(state) && last !== undefined && options.now() - last < transferInterval) return;
    transfersAt.set(key, isComplete(state) ? Infinity : options.now());
    turnTo(step);
    line(`#${step.number} ${state.label} ${formatTransfer(state)}${isComplete(state) ? ' done' : ''}`);
  };

  return guarded({
    emit(event) {
      switch (event.type) {
        case 'step-started': {
          const step = table.start(event);
          namedAt.delete(step.id);
          turnTo(step);
          return;
        }
        case 'step-log': {
          const {step, lines} = table.log(event);
          logLines(step, lines);
          return;
        }
        case 'step-progress':
          transfer(event);
          return;
        case 'step-done':
        case 'step-cached':
          endStep(event);
          return;
        case 'warning':
          line(colors.yellow(warningText(event, table.clean)));
          return;
        case 'note':
          line(table.clean(event.message));
          return;
        case 'result':
          line(resultText(event));
          return;
      }
    },
    close() {
      try {
        for (const {step, rest} of table.flush()) logLines(step, rest);
        for (const step of table.failed) {
          for (const piece of failureBlock(step, options.color, redactor)) options.write(piece);
        }
      } finally {
        table.close();
      }
    },
  });
}

/** `warning: SecretInArg (line 3): message`. */
export function warningText(event: BuildEventBody & {type: 'warning'}, clean: (text: string) => string): string {
  const rule = event.rule === undefined ? '' : `${clean(event.rule)} `;
  const line = event.line === undefined ? '' : `(line ${event.line}) `;
  const head = `${rule}${line}`.trim();
  return `warning: ${head === '' ? '' : `${head}: `}${clean(event.message)}`;
}

/** `done in 12.3s: 4 steps ran, 10 cached`; said so where all were cached. */
export function resultText(event: BuildEventBody & {type: 'result'}): string {
  const {ran, cached} = event.steps;
  const steps =
    ran === 0 && cached > 0 ? `all ${count(cached, 'step')} cached` : `${count(ran, 'step')} ran, ${cached} cached`;
  return `done in ${formatDuration(event.seconds)}: ${steps}`;
}
