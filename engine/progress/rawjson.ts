import {mapStrings} from '../base/map-strings.js';
import type {BuildEvent} from './events.js';
import {noRedaction} from './log-lines.js';
import {guarded, type Progress, type ProgressOptions} from './progress.js';

/**
 * One event a line, `{"time", "type", "step", …}`. Log text goes out as it comes, except an end that may be the beginning
 * of a secret: that waits for the next piece, or for the end of the step.
 */
export function createRawJsonProgress(options: Omit<ProgressOptions, 'color'>): Progress {
  const redactor = options.redactor ?? noRedaction;
  const held = new Map<string, {step: string; stream: 'stdout' | 'stderr'; text: string}>();

  const write = (event: object) => {
    const {type, step, ...rest} = mapStrings(event, (text) => redactor.redact(text)) as Omit<BuildEvent, 'time'> & {
      step?: string;
    };
    const head = step === undefined ? {type} : {type, step};
    options.write(`${JSON.stringify({time: new Date(options.now()).toISOString(), ...head, ...rest})}\n`);
  };

  const release = (only?: string) => {
    for (const [key, {step, stream, text}] of held) {
      if (only !== undefined && step !== only) continue;
      held.delete(key);
      if (text !== '') write({type: 'step-log', step, stream, text});
    }
  };

  return guarded({
    emit(event) {
      if (event.type === 'step-key') return;
      if (event.type !== 'step-log') {
        if (event.type === 'step-done' || event.type === 'step-cached') release(event.step);
        write(event);
        return;
      }
      const {step, stream} = event;
      const key = `${stream} ${step}`;
      const text = (held.get(key)?.text ?? '') + event.text;
      const length = redactor.safeLength(text);
      held.set(key, {step, stream, text: text.slice(length)});
      if (length > 0) write({type: 'step-log', step, stream, text: text.slice(0, length)});
    },
    close: () => release(),
  });
}
