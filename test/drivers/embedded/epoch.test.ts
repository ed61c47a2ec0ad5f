import test from 'ava';
import {checkEpoch, epochOf} from '../../../engine/drivers/embedded/solve/epoch.js';

const request = (text: string) => ({buildArgs: new Map([['SOURCE_DATE_EPOCH', text]])});

for (const [text, epoch] of [
  ['0', 0],
  ['1000000000', 1_000_000_000],
  ['', undefined],
] as const) {
  test(`SOURCE_DATE_EPOCH ${JSON.stringify(text)} is taken`, (t) => {
    t.notThrows(() => checkEpoch(request(text)));
    t.is(epochOf(request(text)), epoch);
  });
}

for (const text of ['yesterday', '1.5', '0x10', ' 1', '2020-01-01']) {
  test(`SOURCE_DATE_EPOCH ${JSON.stringify(text)} is refused, as BuildKit refuses it`, (t) => {
    t.throws(() => checkEpoch(request(text)), {code: 'USAGE'});
  });
}
