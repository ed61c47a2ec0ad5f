import {BuildError, quote} from '../base/errors.js';

/** What a reference such as `debian:bookworm-slim` asks for. */
export interface DebianBase {
  /** Code name or alias of the release: `bookworm`, `stable`, `sid`. */
  readonly suite: string;
  /** Without documentation, manual pages and translations. */
  readonly slim: boolean;
}

const codenames: Readonly<Record<string, string>> = {
  latest: 'stable',
  '10': 'buster',
  '11': 'bullseye',
  '12': 'bookworm',
  '13': 'trixie',
  '14': 'forky',
};

/**
 * The Debian release that an image reference names; the registry and namespace in front of `debian` do not count.
 * Throws BuildError UNSUPPORTED for anything that is not a release of Debian.
 */
export function debianBaseOf(reference: string): DebianBase {
  const match = /^(?:[^@]*\/)?debian(?::([A-Za-z0-9._-]+))?$/.exec(reference);
  const tag = match?.[1] ?? 'latest';
  const slim = tag.endsWith('-slim');
  // A point release (12.5) is what its mirror holds now, so only the release itself can be asked for.
  const release = slim ? tag.slice(0, -'-slim'.length) : tag;
  const suite = codenames[release] ?? release;
  if (match === null || !/^[a-z]+$/.test(suite)) {
    throw new BuildError('UNSUPPORTED', `cannot make ${quote(reference)} from Debian packages`, {
      remedy:
        'What can be made is debian:RELEASE or debian:RELEASE-slim, where RELEASE is a code name (bookworm), a major version (12), stable or sid.',
    });
  }
  return {suite, slim};
}
