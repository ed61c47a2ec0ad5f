import {execFileSync} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {available} from '../helpers/requirement.js';

const hasTmux = () => {
  try {
    return execFileSync('tmux', ['-V'], {encoding: 'utf8'}) !== '';
  } catch {
    return false;
  }
};

test('on a real terminal the live view redraws in place, survives a resize and leaves the complete failed log', async (t) => {
  if (!available(t, hasTmux(), 'tmux is not installed')) return;
  const socket = `build-image-test-${process.pid}`;
  const tmux = (...args: readonly string[]) =>
    // The shell of a user who may not log in runs nothing.
    execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: {...process.env, SHELL: '/bin/sh'},
    });
  const command = `${process.execPath} dist/test/helpers/live-view.js; echo ended; sleep 60`;
  const until = async (wanted: RegExp, history = 0) => {
    for (let tries = 0; tries < 100; tries++) {
      const text = tmux('capture-pane', '-p', '-S', String(-history), '-t', 'view');
      if (wanted.test(text)) return text.trimEnd();
      await sleep(100);
    }
    throw new Error(`never seen: ${String(wanted)}`);
  };
  tmux('new-session', '-d', '-s', 'view', '-x', '60', '-y', '24', command);
  try {
    const first = (await until(/line 5 日本\n/)).split('\n');
    t.regex(first[0] ?? '', /^✓ \[builder 1\/3\] FROM debian {2,}cached$/);
    t.regex(
      first[1] ?? '',
      /^▸ \[builder 2\/3\] RUN make everything that there is to… +\d\.\ds$|^▸ \[builder 2\/3\] RUN make everything .* \d\.\ds$/,
    );
    t.regex(first[6] ?? '', /^▸ \[production 2\/2\] RUN apt-get +\d\.\ds$/);
    t.regex(first[7] ?? '', /^ {4}Reading \d+%$/);
    t.regex(first[8] ?? '', /^━*─+ 1\/5 steps · 1 cached · \d\.\ds$/);
    t.is(first.length, 9);
    t.is(tmux('display', '-p', '-t', 'view', '#{cursor_flag}').trim(), '0');

    tmux('resize-window', '-t', 'view', '-x', '36', '-y', '24');
    const narrow = (await until(/line 15 日本\n/)).split('\n');
    t.is(narrow.filter((line) => line.startsWith('▸')).length, 2);
    t.is(narrow.filter((line) => line.includes('steps · 1 cached')).length, 1);

    const last = await until(/ended/, 100);
    const log = last.slice(last.indexOf('complete log'));
    for (let index = 0; index < 30; index++) t.true(log.includes(`line ${index} 日本\n`));
    t.regex(last, /✗ \[builder 2\/3\].* 3\.0s\n✓ \[production 2\/2\] RUN apt-get +3\.0s\n/);
    t.regex(last, /line 29 日本\n#2 ERROR: exit code 2\nended$/);
    t.is(tmux('display', '-p', '-t', 'view', '#{cursor_flag}').trim(), '1');
  } finally {
    tmux('kill-server');
  }
});
