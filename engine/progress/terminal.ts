import picocolors from 'picocolors';
import {clip, expandTabs} from './columns.js';
import {failureBlock} from './failure.js';
import {createLiveRegion} from './live-region.js';
import {noRedaction} from './log-lines.js';
import {resultText, warningText} from './plain.js';
import {guarded, instructionOf, type Progress, type ProgressOptions} from './progress.js';
import {createStepTable, type StepState} from './step-table.js';
import {endLine, renderView, type RunningStep, type Summary} from './terminal-view.js';
import {lastOverwrite, plainText} from './text.js';

// 10 a second: as often as the tenths of the clock change.
const redrawInterval = 100;
const shownTail = 4;

/** What past builds tell. */
export interface Estimate {
  /** Seconds that the whole build is expected to take. */
  readonly totalSeconds: number;
  /** Seconds expected for a step by its name; 0 for one expected to be cached; undefined where nothing is known. */
  stepSeconds(name: string): number | undefined;
  /** Seconds that the steps still take, by those that have ended and how long others have been running. */
  remaining?(ended: ReadonlySet<string>, running: ReadonlyMap<string, number>): number;
}

export interface TerminalProgressOptions extends ProgressOptions {
  /** Asked at every redraw, so a resize needs no event. */
  readonly columns: () => number;
  readonly rows: () => number;
  readonly estimate?: Estimate;
  /** Calls `action` every so many milliseconds until the returned function is called. */
  readonly every?: (milliseconds: number, action: () => void) => () => void;
}

/**
 * Live view for a terminal: what has ended scrolls off above as one line a step; below are the running steps with their
 * last log lines and transfers, and a bar. `close` leaves the finished lines and, after a failure, the complete log of
 * the failed step as the last thing, and always shows the cursor again.
 */
export function createTerminalProgress(options: TerminalProgressOptions): Progress {
  const {now, estimate} = options;
  const redactor = options.redactor ?? noRedaction;
  const colors = picocolors.createColors(options.color);
  const table = createStepTable(now, redactor);
  const region = createLiveRegion(options.write);
  const stages = new Map<string, number>();
  const startedAt = now();
  let above: string[] = [];
  let cached = 0;
  let done = 0;
  let saved = 0;

  const width = () => {
    const columns = options.columns();
    // The last column stays free: writing it makes some terminals wrap.
    return Number.isFinite(columns) && columns > 0 ? Math.max(1, Math.floor(columns) - 1) : 79;
  };
  const height = () => {
    const rows = options.rows();
    return Number.isFinite(rows) && rows > 0 ? Math.max(1, Math.floor(rows) - 1) : 23;
  };

  const clean = (line: string) => expandTabs(redactor.redact(plainText(lastOverwrite(line)))).trimEnd();

  const runningStep = (step: StepState): RunningStep => {
    const partial = [step.output.stdout.partial(), step.output.stderr.partial()];
    const tail = [...step.tail, ...partial].map(clean).filter((line) => line !== '');
    return {
      name: step.name,
      elapsed: Math.max(0, now() - step.startedAt) / 1000,
      tail: tail.slice(-shownTail),
      transfers: step.transfers.open(),
    };
  };

  const running = () => {
    const order = [...stages.keys()];
    return [...table.steps.values()]
      .filter((step) => step.status === 'running')
      .sort((a, b) => order.indexOf(a.stage) - order.indexOf(b.stage) || a.number - b.number);
  };

  const summary = (steps: readonly StepState[]): Summary => {
    const elapsed = Math.max(0, now() - startedAt) / 1000;
    const seen = [...stages.values()].reduce((sum, of) => sum + of, 0);
    const total = seen === 0 ? undefined : Math.max(seen, done);
    if (estimate === undefined) {
      return {
        done,
        cached,
        total,
        elapsed,
        fraction: total === undefined ? undefined : done / total,
        remaining: undefined,
      };
    }
    const left = steps.map((step) => (estimate.stepSeconds(step.name) ?? 0) - (now() - step.startedAt) / 1000);
    const remaining = Math.max(0, remainingOf(estimate, steps) ?? estimate.totalSeconds - saved - elapsed, ...left);
    const fraction = elapsed + remaining === 0 ? 0 : elapsed / (elapsed + remaining);
    return {done, cached, total, elapsed, fraction: Math.min(fraction, 0.99), remaining};
  };

  const remainingOf = (from: Estimate, steps: readonly StepState[]): number | undefined => {
    const ended = [...table.steps.values()].filter(({status}) => status !== 'running').map(({name}) => name);
    return from.remaining?.(new Set(ended), new Map(steps.map((step) => [step.name, (now() - step.startedAt) / 1000])));
  };

  const draw = () => {
    const columns = width();
    const steps = running();
    const view = {running: steps.map(runningStep), summary: summary(steps)};
    const lines = table.steps.size === 0 ? [] : renderView(view, columns, height(), colors);
    const finished = above;
    above = [];
    region.draw(finished, lines, columns + 1);
  };

  const say = (text: string) => above.push(clip(text, width()));

  const end = (step: StepState, changed: boolean) => {
    if (!changed) return;
    above.push(endLine(step, width(), colors));
    if (instructionOf(step.name) !== undefined) done++;
    if (step.status !== 'cached') return;
    if (instructionOf(step.name) !== undefined) cached++;
    saved += estimate?.stepSeconds(step.name) ?? 0;
  };

  const stop = (options.every ?? everyInterval)(redrawInterval, () => {
    try {
      draw();
    } catch {
      // Nothing catches what a timer throws; the next event meets the same error where it is handled.
    }
  });
  return guarded({
    emit(event) {
      switch (event.type) {
        case 'step-started':
          noteStage(stages, table.start(event));
          return;
        case 'step-log':
          table.log(event);
          return;
        case 'step-progress':
          table.step(event.step).transfers.update(event, table.clean(event.label));
          return;
        case 'step-done':
        case 'step-cached': {
          const {step, changed} = table.end(event);
          noteStage(stages, step);
          end(step, changed);
          return;
        }
        case 'warning':
          above.push(colors.yellow(clip(warningText(event, table.clean), width())));
          return;
        case 'note':
          say(table.clean(event.message));
          return;
        case 'result':
          say(resultText(event));
          return;
      }
    },
    close(error) {
      stop();
      try {
        if (error !== undefined) above.push(...running().map((step) => endLine(step, width(), colors)));
        if (above.length > 0) region.draw(above, [], width() + 1);
      } finally {
        region.close();
      }
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

function noteStage(stages: Map<string, number>, step: StepState): void {
  const instruction = instructionOf(step.name);
  if (instruction !== undefined) stages.set(step.stage, Math.max(stages.get(step.stage) ?? 0, instruction.of));
  else if (!stages.has(step.stage)) stages.set(step.stage, 0);
}

function everyInterval(milliseconds: number, action: () => void): () => void {
  const timer = setInterval(action, milliseconds);
  // The view never keeps the process alive.
  timer.unref();
  return () => clearInterval(timer);
}
