import test from 'ava';
import {layerCompression} from '../../engine/oci/media-types.js';
import {formatPlatform, hostPlatform, normalisePlatform, parsePlatform} from '../../engine/oci/platform.js';

const reads = test.macro({
  exec(t, text: string, expected: string) {
    t.is(formatPlatform(parsePlatform(text)), expected);
  },
  title: (_, text: string, expected: string) => `the platform ${text} is ${expected}`,
});
for (const [text, expected] of [
  ['linux/amd64', 'linux/amd64'],
  ['Linux/X86_64', 'linux/amd64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['armhf', 'linux/arm/v7'],
  ['arm64', 'linux/arm64'],
  ['macos/arm64', 'darwin/arm64'],
  ['macos', formatPlatform({...hostPlatform(), os: 'darwin'})],
] as const) {
  test(reads, text, expected);
}

const refuses = test.macro({
  exec(t, text: string) {
    t.throws(() => parsePlatform(text), {code: 'PLATFORM_INVALID'});
  },
  title: (_, text: string) => `${JSON.stringify(text)} is no platform`,
});
for (const text of ['', 'linux/', 'linux/arm/v7/x', 'lin ux', 'amd46', 'constructor', '__proto__']) test(refuses, text);

test('a name that every object of JavaScript has is a name like any other', (t) => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    t.is(normalisePlatform('linux', name, undefined).architecture, name);
    t.is(layerCompression(name), undefined);
  }
});
