import test from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import type {BuildError} from '../../engine/base/errors.js';
import type {Index} from '../../engine/oci/manifest.js';
import {mediaTypes} from '../../engine/oci/media-types.js';
import {parsePlatform} from '../../engine/oci/platform.js';
import {selectManifest} from '../../engine/oci/select-platform.js';

/** An index with an image for each `os/arch[/variant]` as written; `-` names no platform. */
function indexOf(platforms: readonly string[]): Index {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: platforms.map((text, index) => {
      const [os = '', architecture = '', variant] = text.split('/');
      const platform = {os, architecture, ...(variant === undefined ? {} : {variant})};
      const descriptor = {mediaType: mediaTypes.ociManifest, digest: digestOf(String(index)), size: 1};
      return text === '-' ? descriptor : {...descriptor, platform};
    }),
  };
}

const selects = test.macro({
  exec(t, has: readonly string[], wanted: string, expected: number) {
    t.is(selectManifest(indexOf(has), parsePlatform(wanted), 'x').digest, digestOf(String(expected)));
  },
  title: (_, has: readonly string[], wanted: string, expected: number) =>
    `${wanted} out of [${has.join(', ')}] is ${has[expected] ?? ''}`,
});
test(selects, ['linux/arm64', 'linux/amd64'], 'linux/amd64', 1);
test(selects, ['linux/386', 'linux/amd64'], 'linux/amd64', 1);
test(selects, ['linux/386', 'linux/arm'], 'linux/amd64', 0);
test(selects, ['linux/amd64/v3', 'linux/amd64/v2', 'linux/amd64'], 'linux/amd64', 2);
test(selects, ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v3'], 'linux/amd64/v3', 2);
test(selects, ['linux/amd64', 'linux/amd64/v2'], 'linux/amd64/v3', 1);
test(selects, ['linux/arm64/v8'], 'linux/arm64', 0);
test(selects, ['linux/arm/v6', 'linux/arm/v7'], 'linux/arm64', 1);
test(selects, ['linux/arm', 'linux/arm/v5'], 'linux/arm/v7', 0);
test(selects, ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v7', 1);
test(selects, ['linux/amd64', 'linux/amd64'], 'linux/amd64', 0);
test(selects, ['-', 'linux/amd64'], 'linux/amd64', 1);
test(selects, ['-'], 'linux/amd64', 0);
test(selects, ['linux/x86_64'], 'linux/amd64', 0);

test('an image for another platform is not taken, and the error names what there is', (t) => {
  const index = indexOf(['linux/arm64', 'unknown/unknown', 'windows/amd64']);
  const error = t.throws<BuildError>(() => selectManifest(index, parsePlatform('linux/amd64'), 'debian:12'), {
    code: 'NOT_FOUND',
    message: 'debian:12 has no image for linux/amd64',
  });
  t.is(error.details.remedy, 'It has: linux/arm64, windows/amd64. Choose one with --platform.');
});

test('armv6 does not take an armv7 image', (t) => {
  t.throws(() => selectManifest(indexOf(['linux/arm/v7']), parsePlatform('linux/arm/v6'), 'x'), {code: 'NOT_FOUND'});
});
