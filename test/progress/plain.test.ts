import test from 'ava';
import {createRedactor} from '../../engine/base/redact.js';
import {createPlainProgress} from '../../engine/progress/plain.js';
import {bench, failingBuild, play} from './screen.js';

test('plain output numbers the steps, joins partial lines and repeats the failed log at the end', (t) => {
  const {options, pass, output} = bench();
  const progress = createPlainProgress(options);
  play(progress, pass, failingBuild);
  progress.close(new Error('failed'));
  t.is(
    output(),
    `#1 [internal] load build context
#1 transferring context 0 B / 45.6 MB
#1 transferring context 45.6 MB / 45.6 MB done
#1 DONE 2.0s

#2 [builder 1/3] FROM debian:bookworm
#2 CACHED

#3 [builder 2/3] RUN make
#4 [production 2/2] RUN apt-get install
#4 0.500 Reading package lists... Done
#3 0.500 cc -c one.c
#3 0.500 cc -c two.c
#3 0.750 two.c:1: error
warning: LegacyKeyValueFormat (line 7): use ENV key=value
#3 1.000 make: *** [all] Error 1
#3 ERROR: exit code 2

#4 CANCELED


#3 [builder 2/3] RUN make (line 4) failed after 1.0s, its complete log:
cc -c one.c
cc -c two.c
two.c:1: error
make: *** [all] Error 1
#3 ERROR: exit code 2
`,
  );
});

test('plain output keeps the colours of logs where colours are on, and resets them', (t) => {
  const {options, output} = bench();
  const progress = createPlainProgress({...options, color: true});
  progress.emit({type: 'step-started', step: 'a', name: '[1/1] RUN ls'});
  progress.emit({
    type: 'step-log',
    step: 'a',
    stream: 'stdout',
    text: '\u001b[1;34mdir\u001b[2J\u001b]0;title\u0007\n',
  });
  t.true(output().endsWith('#1 0.000 \u001b[1;34mdir\u001b[0m\n'));
});

test('a long log names its step again after the lines of others', (t) => {
  const {options, output} = bench();
  const progress = createPlainProgress(options);
  progress.emit({type: 'step-started', step: 'a', name: '[a 1/1] RUN a'});
  progress.emit({type: 'step-started', step: 'b', name: '[b 1/1] RUN b'});
  progress.emit({type: 'step-log', step: 'b', stream: 'stdout', text: 'b\n'.repeat(30)});
  progress.emit({type: 'step-log', step: 'a', stream: 'stdout', text: 'a\n'});
  t.true(output().endsWith('#2 0.000 b\n#1 [a 1/1] RUN a\n#1 0.000 a\n'));
});

test('a secret in two pieces of a log, in a name or in an error is not written', (t) => {
  const {options, output} = bench();
  const redactor = createRedactor();
  redactor.add('hunter2000');
  const progress = createPlainProgress({...options, redactor});
  progress.emit({type: 'step-started', step: 'a', name: '[1/1] RUN echo hunter2000'});
  progress.emit({type: 'step-log', step: 'a', stream: 'stdout', text: 'pass hunt'});
  progress.emit({type: 'step-log', step: 'a', stream: 'stdout', text: 'er2000\nhun\u001b[1mter2000\n'});
  progress.emit({
    type: 'step-log',
    step: 'a',
    stream: 'stdout',
    text: `${'x'.repeat(65_530)}hunter2000${'y'.repeat(10)}`,
  });
  progress.emit({type: 'step-done', step: 'a', seconds: 1, error: 'hunter2000 is wrong'});
  progress.close();
  t.false(output().replaceAll('\n', '').includes('hunter2000'));
  t.false(/hun(?!k)/.test(output()));
});

test('a result in which everything was cached says so', (t) => {
  const {options, output} = bench();
  createPlainProgress(options).emit({
    type: 'result',
    digest: null,
    tags: [],
    artifacts: [],
    seconds: 0.4,
    steps: {ran: 0, cached: 12},
  });
  t.is(output(), 'done in 0.4s: all 12 steps cached\n');
});
