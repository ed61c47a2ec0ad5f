import {setTimeout as sleep} from 'node:timers/promises';
import {createTerminalProgress} from '../../engine/progress/terminal.js';

// Shows the live view on the terminal it runs in: two steps for some seconds, of which the first fails.
const progress = createTerminalProgress({
  write: (text) => process.stderr.write(text),
  now: () => Date.now(),
  color: true,
  columns: () => process.stderr.columns,
  rows: () => process.stderr.rows,
});
progress.emit({type: 'step-cached', step: '0', name: '[builder 1/3] FROM debian'});
progress.emit({type: 'step-started', step: '1', name: '[builder 2/3] RUN make everything that there is to make'});
progress.emit({type: 'step-started', step: '2', name: '[production 2/2] RUN apt-get'});
for (let index = 0; index < 30; index++) {
  progress.emit({type: 'step-log', step: '1', stream: 'stdout', text: `line ${index} \u001b[31m日本\u001b[0m\n`});
  progress.emit({type: 'step-log', step: '2', stream: 'stdout', text: `\rReading ${index}%`});
  await sleep(100);
}
progress.emit({type: 'step-done', step: '1', seconds: 3, error: 'exit code 2'});
progress.emit({type: 'step-done', step: '2', seconds: 3});
progress.close(new Error('failed'));
