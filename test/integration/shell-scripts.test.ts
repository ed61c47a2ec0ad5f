import {execFileSync, spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import test from 'ava';
import {available} from '../helpers/requirement.js';

/** Tracked files that a shell runs. */
const scripts = execFileSync('git', ['ls-files', 'scripts', 'dockerfiles', '.ci'], {encoding: 'utf8'})
  .split('\n')
  .filter((file) => file !== '' && /^(#!\/bin\/(ba)?sh\b|# shellcheck shell=)/.test(readFileSync(file, 'utf8')));

test('there are shell scripts', (t) => {
  t.true(scripts.includes('scripts/dockerd'));
});

for (const script of scripts) {
  test(`${script} passes shellcheck`, (t) => {
    const found = spawnSync('shellcheck', ['--version']).status === 0;
    if (!available(t, found, 'shellcheck reads the scripts')) return;
    const {status, stdout} = spawnSync('shellcheck', ['--external-sources', script], {encoding: 'utf8'});
    t.is(status, 0, stdout);
  });

  // A script that sources or is sourced, or that a packaging tool runs, may inherit the settings of its caller.
  if (script.startsWith('scripts/') && !script.startsWith('scripts/lib/')) {
    test(`${script} ends at the first failing command`, (t) => {
      t.regex(readFileSync(script, 'utf8'), /^set -eu/m);
    });
  }
}
