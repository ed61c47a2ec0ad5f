import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';

const place = {file: 'Dockerfile', source: 'FROM a\nRUN b\n', range: {start: 2, end: 2}, columns: {start: 1, end: 4}};

test('an error gets the place that was not known where it was thrown, and keeps its own', (t) => {
  t.is(formatError(new BuildError('IO', 'x').with(place)), 'Dockerfile:2: x\n  1 | FROM a\n> 2 | RUN b\n    | ^^^');
  t.is(
    formatError(new BuildError('IO', 'x', {range: {start: 1, end: 1}}).with({file: 'Dockerfile'})),
    'Dockerfile:1: x',
  );
});

test('an error about one file gets no lines of another', (t) => {
  const error = new BuildError('IO', 'cannot make it', {file: '/store'}).with({...place, remedy: 'Do this.'});
  t.is(formatError(error), '/store: cannot make it\nDo this.');
});

test('an error of another copy of the class is one, as where each program is bundled by itself', (t) => {
  const copy = Object.assign(new Error('full'), {name: 'BuildError', code: 'IO', details: {}});
  t.true(copy instanceof BuildError);
  for (const other of [new Error('x'), Object.assign(new Error('x'), {code: 'ENOENT'}), {name: 'BuildError'}, null]) {
    t.false(other instanceof BuildError);
  }
});
