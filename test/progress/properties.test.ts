import test from 'ava';
import fc from 'fast-check';
import {createRedactor} from '../../engine/base/redact.js';
import {collectSteps} from '../../engine/progress/collect-steps.js';
import type {BuildEventBody} from '../../engine/progress/events.js';
import {clip, expandTabs, widthOf} from '../../engine/progress/columns.js';
import {createPlainProgress} from '../../engine/progress/plain.js';
import {createQuietProgress} from '../../engine/progress/quiet.js';
import {createRawJsonProgress} from '../../engine/progress/rawjson.js';
import {createTerminalProgress} from '../../engine/progress/terminal.js';
import {plainText} from '../../engine/progress/text.js';
import {bench, screen} from './screen.js';

const step = fc.constantFrom('a', 'b', 'c', '[builder 2/3] RUN x', '');
const text = fc.oneof(
  fc.string({unit: 'binary', maxLength: 40}),
  fc.string({
    unit: fc.constantFrom('a', '\n', '\r', '\t', '\u001b', '[', 'm', '31', '日', '👩‍👩‍👧', '\u0301'),
    maxLength: 40,
  }),
);
const amount = fc.oneof(fc.nat(), fc.double());
const event: fc.Arbitrary<BuildEventBody> = fc.oneof(
  fc.record({type: fc.constant('step-started' as const), step, name: text}),
  fc.record({type: fc.constant('step-log' as const), step, stream: fc.constantFrom('stdout', 'stderr'), text}),
  fc.record({type: fc.constant('step-progress' as const), step, label: text, current: amount, total: amount}),
  fc.record({type: fc.constant('step-done' as const), step, seconds: amount}),
  fc.record({type: fc.constant('step-done' as const), step, seconds: amount, error: text}),
  fc.record({type: fc.constant('step-cached' as const), step, name: text}),
  fc.record({type: fc.constant('warning' as const), message: text}),
  fc.record({type: fc.constant('note' as const), message: text}),
);

test('no order of events and no text makes a renderer throw, or a live line wider than the terminal', (t) => {
  fc.assert(
    fc.property(
      fc.array(event, {maxLength: 30}),
      fc.integer({min: 1, max: 50}),
      fc.integer({min: 1, max: 9}),
      (events, columns, rows) => {
        const {options, tick, writes} = bench(columns, rows);
        const others = [createPlainProgress, createQuietProgress, createRawJsonProgress].map((create) =>
          create({...options, write: () => undefined}),
        );
        const recorder = collectSteps(options.now);
        const progress = createTerminalProgress(options);
        for (const one of events) {
          progress.emit(one);
          recorder.emit(one);
          for (const other of others) other.emit(one);
          tick();
        }
        const frames = writes.length;
        progress.close(new Error('x'));
        for (const other of others) other.close();
        recorder.summary();
        for (const frame of writes.slice(0, frames)) {
          const lines = frame.split('\n');

          for (const line of lines)
            t.true(
              widthOf(line.replace(/\u001b\[[?0-9;]*[A-Za-z]/g, '').replace('\r', '')) <= Math.max(1, columns - 1),
            );
        }
        const view = screen(1000);
        for (const frame of writes) view.write(frame);
        t.true(view.cursorShown());
      },
    ),
    {numRuns: 300},
  );
});

test('every character of the failed log is printed, from its first line', (t) => {
  const lines = fc.array(
    fc.string({unit: 'grapheme', maxLength: 30}).map((line) => plainText(line.replace(/[\r\n]/g, ''))),
    {minLength: 1},
  );
  fc.assert(
    fc.property(lines, fc.integer({min: 1, max: 20}), fc.constantFrom('plain', 'quiet', 'tty'), (log, size, mode) => {
      const {options, output} = bench();
      const create = {plain: createPlainProgress, quiet: createQuietProgress, tty: createTerminalProgress}[mode];
      const progress = create(options);
      progress.emit({type: 'step-started', step: 'x', name: '[1/1] RUN x'});
      const whole = `${log.join('\n')}\n`;
      for (let at = 0; at < whole.length; at += size) {
        progress.emit({type: 'step-log', step: 'x', stream: 'stdout', text: whole.slice(at, at + size)});
      }
      progress.emit({type: 'step-done', step: 'x', seconds: 1, error: 'exit code 1'});
      progress.close();
      t.true(output().endsWith(`its complete log:\n${whole}#1 ERROR: exit code 1\n`));
    }),
    {numRuns: 300},
  );
});

test('a log larger than what is kept in memory is printed complete', (t) => {
  const {options, writes} = bench();
  const progress = createTerminalProgress(options);
  progress.emit({type: 'step-started', step: 'x', name: '[1/1] RUN x'});
  const line = (index: number) => `line ${index} ${'ü'.repeat(100)}`;
  for (let index = 0; index < 200_000; index++) {
    progress.emit({type: 'step-log', step: 'x', stream: 'stdout', text: `${line(index)}\n`});
  }
  progress.emit({type: 'step-done', step: 'x', seconds: 1, error: 'exit code 1'});
  progress.close();
  const printed = writes.join('').split('\n');
  const first = printed.indexOf(line(0));
  t.true(first > 0);
  t.true(Array.from({length: 200_000}, (_, index) => printed[first + index] === line(index)).every(Boolean));
});

test('rawjson joined gives back every log, redacted across pieces, one event a line', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({unit: fc.constantFrom('a', 'b', '\n', '日')}), {maxLength: 12}), (pieces) => {
      const {options, output} = bench();
      const redactor = createRedactor();
      redactor.add('abab');
      const progress = createRawJsonProgress({...options, redactor});
      for (const piece of pieces) progress.emit({type: 'step-log', step: 'x', stream: 'stdout', text: piece});
      progress.emit({type: 'step-done', step: 'x', seconds: 1});
      const events = output()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      for (const one of events) t.deepEqual(Object.keys(one).slice(0, 3), ['time', 'type', 'step']);
      t.is(events.at(-1)?.['type'], 'step-done');
      const joined = events
        .slice(0, -1)
        .map((one) => one['text'])
        .join('');
      t.false(joined.includes('abab'));
      if (!pieces.join('').includes('abab')) t.is(joined, pieces.join(''));
    }),
  );
});

test('a clipped text is never wider than asked, and whole where it fits', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string({unit: 'binary'}), text), fc.integer({min: 0, max: 40}), (raw, columns) => {
      const cleaned = expandTabs(plainText(raw));
      const clipped = clip(cleaned, columns);
      t.true(widthOf(clipped) <= columns);
      if (widthOf(cleaned) <= columns) t.is(clipped, columns === 0 ? '' : cleaned);
    }),
    {numRuns: 2000},
  );
});
