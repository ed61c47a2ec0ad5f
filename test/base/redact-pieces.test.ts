import test from 'ava';
import fc from 'fast-check';
import {createRedactor} from '../../engine/base/redact.js';

/** What is shown of a text that arrives in pieces. */
function shown(pieces: readonly string[], secrets: readonly string[]): string {
  const redactor = createRedactor();
  for (const secret of secrets) redactor.add(secret);
  let held = '';
  let out = '';
  for (const piece of pieces) {
    held += piece;
    const length = redactor.safeLength(held);
    out += redactor.redact(held.slice(0, length));
    held = held.slice(length);
  }
  return out + redactor.redact(held);
}

test('a secret that is split over pieces is not shown', (t) => {
  t.is(shown(['pass: hun', 'ter', '2000 ok'], ['hunter2000']), 'pass: *** ok');
});

test('text that only begins like a secret comes through', (t) => {
  t.is(shown(['pass: hun', 'ting'], ['hunter2000']), 'pass: hunting');
});

test('a secret that begins with another is hidden to its end', (t) => {
  t.is(shown(['abcd', 'XYZ!'], ['abcd', 'abcdXYZ']), '***!');
});

test('however a text is cut, no secret is shown', (t) => {
  const letters = fc.string({unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30});
  fc.assert(
    fc.property(
      fc.array(letters, {maxLength: 6}),
      fc.array(fc.string({unit: fc.constantFrom('a', 'b', 'c'), minLength: 4, maxLength: 8}), {
        minLength: 1,
        maxLength: 3,
      }),
      (pieces, secrets) => {
        const out = shown(pieces, secrets);
        for (const secret of secrets) t.false(out.includes(secret));
      },
    ),
    {numRuns: 2000},
  );
});

test('everything is shown where no secret is known', (t) => {
  fc.assert(fc.property(fc.array(fc.string()), (pieces) => t.is(shown(pieces, []), pieces.join(''))));
});
