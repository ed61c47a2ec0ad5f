import test from 'ava';
import {caseNames, dockerfileGolden, readCase} from '../helpers/dockerfile-golden.js';

test('there are golden cases', (t) => {
  t.true(caseNames().length >= 80);
});

for (const name of caseNames()) {
  test(`golden: ${name}`, (t) => {
    t.is(dockerfileGolden(readCase(name, 'Dockerfile')), readCase(name, 'expected.json'));
  });
}
