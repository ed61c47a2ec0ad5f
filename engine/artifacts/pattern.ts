import {BuildError, quote} from '../base/errors.js';
import {compileGlob} from '../base/glob.js';

/** Which files of a stage are artifacts: `[STAGE:]GLOB` of `--artifact`. */
export interface ArtifactPattern {
  /** Name or index; undefined: whichever stages artifacts are taken from. */
  readonly stage: string | undefined;
  readonly glob: string;
  /** The glob names a place in the stage; otherwise files are found by name below the places looked at. */
  readonly absolute: boolean;
  /** Of an absolute glob, the directories before the first wildcard; a path without wildcards is there in full. */
  readonly base: string | undefined;
  /** Whether a file is meant: its absolute path in the stage, and its path below the place looked at. */
  matches(path: string, relative: string): boolean;
}

const wildcard = /[*?[\\]/;

/**
 * `*.deb` is a name at any depth, `out/*.whl` a path below the place looked at, `/srv/out/**` a path in the stage; a path
 * without wildcards also means all files below it. `*` and `?` stop at `/`, `**` does not; `[a-z]`, `[!a]` and `\*` as in a
 * shell. Throws BuildError USAGE.
 */
export function parseArtifactPattern(text: string): ArtifactPattern {
  const match = /^([A-Za-z0-9][A-Za-z0-9_.-]*):(.*)$/s.exec(text);
  const stage = match?.[1];
  const glob = match?.[2] ?? text;
  if (glob === '' || glob.includes('\0')) {
    throw new BuildError('USAGE', `no file in artifact pattern ${quote(text)}`, {
      remedy: 'Write [STAGE:]GLOB, such as "*.deb", "builder:*.deb" or "builder:/tmp/artifacts/*.deb".',
    });
  }
  if (glob.split('/').includes('..')) {
    throw new BuildError('USAGE', `".." in artifact pattern ${quote(text)}`, {
      remedy: 'Name the place by its absolute path in the stage.',
    });
  }
  const absolute = glob.startsWith('/');
  const parts = glob.split('/').filter((part) => part !== '' && part !== '.');
  const whole = compileGlob(parts.join('/'));
  const below = wildcard.test(glob) ? undefined : `${parts.join('/')}/`;
  const byName = !absolute && parts.length === 1;
  return {
    stage,
    glob,
    absolute,
    base: absolute ? baseOf(parts) : undefined,
    matches(path, relative) {
      const subject = absolute ? path.slice(1) : relative;
      if (whole(subject)) return true;
      if (below !== undefined && (subject.startsWith(below) || below === '/')) return true;
      return byName && whole(subject.slice(subject.lastIndexOf('/') + 1));
    },
  };
}

export function formatPattern(pattern: ArtifactPattern): string {
  return pattern.stage === undefined ? pattern.glob : `${pattern.stage}:${pattern.glob}`;
}

function baseOf(parts: readonly string[]): string {
  const first = parts.findIndex((part) => wildcard.test(part));
  return `/${(first < 0 ? parts : parts.slice(0, first)).join('/')}`;
}

/** What is taken unless `--artifact` says. */
export const everyPackage = parseArtifactPattern('*.deb');
