import test from 'ava';
import fc from 'fast-check';
import {criticalPath} from '../../engine/report/critical-path.js';
import {escapeHtml, markup} from '../../engine/report/html.js';
import {ticks} from '../../engine/report/plot.js';
import {treemap} from '../../engine/report/treemap.js';

test('no text leaves the place it is put into', (t) => {
  fc.assert(
    fc.property(fc.string({unit: 'binary'}), (text) => !/[<>"']/.test(escapeHtml(text))),
    {numRuns: 300},
  );
  t.is(
    markup`<b title="${'"><script>'}">${['a&b', markup`<i>${1}</i>`, false, undefined]}</b>`.markup,
    '<b title="&quot;&gt;&lt;script&gt;">a&amp;b<i>1</i></b>',
  );
  t.is(escapeHtml('a\u202eb\u0007'), 'a\ufffdb\ufffd');
});

test('the fields of a treemap are as large as their weights, and lie in it side by side', (t) => {
  const weights = fc.array(fc.integer({min: 1, max: 1000}), {minLength: 1, maxLength: 40});
  fc.assert(
    fc.property(weights, (all) => {
      const total = all.reduce((sum, weight) => sum + weight, 0);
      const cells = treemap(
        all.map((weight) => ({weight})),
        {x: 10, y: 20, width: 60, height: 30},
      );
      return cells.every(({item, x, y, width, height}) => {
        const inside = x >= 9.99 && y >= 19.99 && x + width <= 70.01 && y + height <= 50.01;
        return inside && Math.abs((width * height) / 1800 - item.weight / total) < 1e-6;
      });
    }),
  );
  t.deepEqual(treemap([], {x: 0, y: 0, width: 1, height: 1}), []);
});

test('the critical path is the chain that ends last, back by the inputs that end last', (t) => {
  const step = (id: string, start: number, seconds: number, inputs: readonly string[]) => ({
    id,
    start,
    seconds,
    inputs,
  });
  const steps = [step('a', 0, 5, []), step('b', 0, 9, []), step('c', 9, 1, ['a', 'b']), step('d', 5, 2, ['a'])];
  t.deepEqual(criticalPath(steps), ['b', 'c']);
  t.deepEqual(criticalPath([]), []);
  t.deepEqual(criticalPath([step('x', 0, 1, ['y']), step('y', 0, 1, ['x'])]).length, 2, 'a circle ends');
});

test('ticks are round numbers from below the least to beyond the most', (t) => {
  fc.assert(
    fc.property(fc.integer({min: 0, max: 2 ** 40}), fc.integer({min: 0, max: 2 ** 40}), (a, b) => {
      const [least, most] = [Math.min(a, b), Math.max(a, b)];
      const found = ticks(least, most, 5);
      return (found[0] ?? 1) <= least && (found.at(-1) ?? 0) >= most && found.length <= 20;
    }),
  );
  t.deepEqual(ticks(0, 9, 5), [0, 2, 4, 6, 8, 10]);
});
