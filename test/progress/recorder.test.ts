import test from 'ava';
import {collectSteps} from '../../engine/progress/collect-steps.js';
import {createProgress, type ProgressMode} from '../../engine/progress/create.js';
import {tee} from '../../engine/progress/tee.js';
import {bench, failingBuild} from './screen.js';

test('the recorder counts instructions, not the loading of the context', (t) => {
  const {options, pass} = bench();
  const recorder = collectSteps(options.now);
  const second = collectSteps(options.now);
  const both = tee(recorder, second);
  for (const entry of failingBuild) {
    if (typeof entry === 'number') pass(entry);
    else both.emit(entry);
  }
  const {ran, cached, seconds, steps} = recorder.summary();
  t.deepEqual({ran, cached, seconds}, {ran: 2, cached: 1, seconds: 3});
  t.deepEqual(
    steps.map((step) => [step.name, step.cached, step.error]),
    [
      ['[internal] load build context', false, undefined],
      ['[builder 1/3] FROM debian:bookworm', true, undefined],
      ['[builder 2/3] RUN make', false, 'exit code 2'],
      ['[production 2/2] RUN apt-get install', false, 'context canceled'],
    ],
  );
  t.deepEqual(second.summary(), recorder.summary());
});

const shape = async (mode: ProgressMode, facts: {isTerminal: boolean; isDumb?: boolean; isCi?: boolean}) => {
  const {options, tick, output} = bench();
  const progress = await createProgress(mode, {isDumb: false, isCi: false, ...options, ...facts});
  progress.emit({type: 'step-started', step: 'a', name: '[1/1] RUN x'});
  tick();
  progress.close();
  if (output().startsWith('\u001b')) return 'live';
  if (output().startsWith('{')) return 'json';
  return output() === '' ? 'nothing' : 'lines';
};

for (const [mode, facts, expected] of [
  ['auto', {isTerminal: true}, 'live'],
  ['auto', {isTerminal: true, isDumb: true}, 'lines'],
  ['auto', {isTerminal: true, isCi: true}, 'lines'],
  ['auto', {isTerminal: false}, 'lines'],
  ['tty', {isTerminal: true, isCi: true}, 'live'],
  ['tty', {isTerminal: false}, 'lines'],
  ['plain', {isTerminal: true}, 'lines'],
  ['rawjson', {isTerminal: true}, 'json'],
  ['quiet', {isTerminal: true}, 'nothing'],
] as const) {
  test(`progress ${mode} with ${JSON.stringify(facts)} shows ${expected}`, async (t) => {
    t.is(await shape(mode, facts), expected);
  });
}
