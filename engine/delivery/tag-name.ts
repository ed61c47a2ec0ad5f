/** A tag holds at most so many characters (distribution-spec, pull). */
const longest = 128;

/**
 * The text as a tag: `/` and whatever a tag may not hold is `_`. Empty where the text is. `feature/login` is `feature_login`.
 */
export function tagName(text: string): string {
  const trimmed = text.trim();
  // A tag starts with a letter, a digit or "_".
  const replaced = trimmed.replace(/[^\w.-]/gu, '_').replace(/^[.-]/, '_');
  return replaced.slice(0, longest);
}

/** The words of a list, one a line or divided by spaces; empty ones dropped. */
export function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

const semver = /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

/** `1.2.3`, `1.2` and `1` for the tag `v1.2.3` (semver.org); of a pre-release only itself, and of 0.x no `0`. */
export function semverTags(tag: string): readonly string[] {
  const match = semver.exec(tag);
  if (match === null) return [];
  const [, major = '', minor = '', patch = '', pre = ''] = match;
  const full = tagName(`${major}.${minor}.${patch}${pre}`);
  if (pre !== '') return [full];
  return [full, `${major}.${minor}`, ...(major === '0' ? [] : [major])];
}
