import test from 'ava';
import {createRedactor} from '../../engine/base/redact.js';
import {createTerminalProgress} from '../../engine/progress/terminal.js';
import {bench, failingBuild, play, screen} from './screen.js';

test('the live view shows running steps with their last lines, transfers and a bar', (t) => {
  const {options, pass, tick, writes} = bench(60, 16);
  const progress = createTerminalProgress(options);
  play(progress, pass, failingBuild.slice(0, 4));
  tick();
  const first = screen(60);
  for (const text of writes) first.write(text);
  t.is(
    first.text(),
    `▸ [internal] load build context                        1.0s
    transferring context  12.3 MB / 45.6 MB 12.3 MB/s
0 steps · 1.0s`,
  );
  play(progress, pass, failingBuild.slice(4, -3));
  tick();
  const second = screen(60);
  for (const text of writes) second.write(text);
  t.is(
    second.text(),
    `✓ [internal] load build context                        2.0s
✓ [builder 1/3] FROM debian:bookworm                 cached
warning: LegacyKeyValueFormat (line 7): use ENV key=value
▸ [builder 2/3] RUN make                               0.8s
    cc -c one.c
    cc -c two.c
    two.c:1: error
    make: *** [all] Error 1
▸ [production 2/2] RUN apt-get install                 0.8s
    Reading package lists... Done
━━━━━─────────────────── 1/5 steps · 1 cached · 2.8s`,
  );
  progress.close();
});

test('after a failure the finished lines and the complete log stay, and nothing else', (t) => {
  const {options, pass, tick, writes, pendingTimers} = bench(60, 16);
  const progress = createTerminalProgress(options);
  for (const entry of failingBuild) {
    play(progress, pass, [entry]);
    tick();
  }
  progress.close(new Error('failed'));
  progress.emit({type: 'note', message: 'late'});
  progress.close();
  const view = screen(60);
  for (const text of writes) view.write(text);
  t.is(
    view.text(),
    `✓ [internal] load build context                        2.0s
✓ [builder 1/3] FROM debian:bookworm                 cached
warning: LegacyKeyValueFormat (line 7): use ENV key=value
✗ [builder 2/3] RUN make                               1.0s
- [production 2/2] RUN apt-get install              stopped

#3 [builder 2/3] RUN make (line 4) failed after 1.0s, its complete log:
cc -c one.c
cc -c two.c
two.c:1: error
make: *** [all] Error 1
#3 ERROR: exit code 2`.replace(/^#3 \[.*$/m, (line) => `${line.slice(0, 60)}\n${line.slice(60)}`),
  );
  t.true(view.cursorShown());
  t.is(pendingTimers(), 0);
});

test('each redraw is one write, and nothing is written where nothing changed', (t) => {
  const {options, tick, writes} = bench();
  const progress = createTerminalProgress(options);
  progress.emit({type: 'step-started', step: 'a', name: '[1/2] RUN sleep'});
  progress.emit({type: 'step-log', step: 'a', stream: 'stdout', text: 'one\ntwo\n'});
  tick();
  t.is(writes.length, 1);
  tick();
  t.is(writes.length, 1);
  progress.close();
});

test('more running steps than rows leave room for the count of the others', (t) => {
  const {options, tick, writes} = bench(40, 6);
  const progress = createTerminalProgress(options);
  for (let i = 0; i < 9; i++) progress.emit({type: 'step-started', step: `s${i}`, name: `[s${i} 1/2] RUN x`});
  tick();
  const view = screen(40);
  for (const text of writes) view.write(text);
  t.is(view.text().split('\n').length, 5);
  t.regex(view.text(), /… 6 more running\n/);
  progress.close();
});

test('a narrower terminal has wrapped the old lines, which are taken away all the same', (t) => {
  const {options, size, tick, writes} = bench(60, 16);
  const progress = createTerminalProgress(options);
  progress.emit({type: 'step-started', step: 'a', name: '[builder 1/2] RUN something with a long name indeed'});
  tick();
  size.columns = 30;
  tick();
  // Both lines of the first frame take two rows each now.
  const up = /\u001b\[(\d+)A/.exec(writes[1] ?? '');
  t.is(Number(up?.[1]), 4);
  progress.close();
});

test('wide characters are clipped by their columns', (t) => {
  const {options, tick, writes} = bench(30, 16);
  const progress = createTerminalProgress(options);
  progress.emit({type: 'step-started', step: 'a', name: '[1/2] RUN x'});
  progress.emit({
    type: 'step-log',
    step: 'a',
    stream: 'stdout',
    text: '日本語のとても長いログの行ですから切られます\n',
  });
  tick();
  t.true((writes[0] ?? '').includes('    日本語のとても長いログの…\n'));
  progress.close();
});

test('the bar knows what is left from past builds, less what turned out to be cached', (t) => {
  const {options, pass, tick, writes} = bench(70, 10);
  const seconds: Readonly<Record<string, number>> = {'[1/3] FROM debian': 0, '[2/3] RUN apt': 60, '[3/3] RUN make': 40};
  const progress = createTerminalProgress({
    ...options,
    estimate: {totalSeconds: 100, stepSeconds: (name) => seconds[name]},
  });
  progress.emit({type: 'step-cached', step: 'a', name: '[1/3] FROM debian'});
  progress.emit({type: 'step-started', step: 'b', name: '[2/3] RUN apt'});
  pass(10);
  tick();
  t.regex(writes.join(''), /━━─+ 1\/3 steps · 1 cached · 10\.0s · about 1m 30s left/);
  progress.emit({type: 'step-cached', step: 'b', name: '[2/3] RUN apt'});
  tick();
  t.regex(writes.at(-1) ?? '', /━{6}─+ 2\/3 steps · 2 cached · 10\.0s · about 30s left/);
  progress.emit({type: 'step-started', step: 'c', name: '[3/3] RUN make'});
  pass(60);
  tick();
  t.regex(writes.at(-1) ?? '', /almost done/);
  progress.close();
});

test('a partial line is shown, but not the beginning of a secret', (t) => {
  const {options, tick, writes} = bench();
  const redactor = createRedactor();
  redactor.add('hunter2000');
  const progress = createTerminalProgress({...options, redactor});
  progress.emit({type: 'step-started', step: 'a', name: '[1/1] RUN x'});
  progress.emit({type: 'step-log', step: 'a', stream: 'stdout', text: 'Password: hunter20'});
  tick();
  t.true((writes[0] ?? '').includes('Password:'));
  t.false((writes[0] ?? '').includes('hunt'));
  progress.close();
});

test('a write that fails ends the view without an error', (t) => {
  const {options, tick, pendingTimers} = bench();
  const progress = createTerminalProgress({
    ...options,
    write: () => {
      throw new Error('EPIPE');
    },
  });
  t.notThrows(() => {
    progress.emit({type: 'step-started', step: 'a', name: '[1/1] RUN x'});
    tick();
    progress.close();
  });
  t.is(pendingTimers(), 0);
});
