import {BuildError, quote} from '../../base/errors.js';

/** A context in a Git repository. */
export interface GitSource {
  /** What `git fetch` is given. */
  readonly remote: string;
  /** Branch, tag, full ref or commit; undefined: the remote's HEAD. */
  readonly ref: string | undefined;
  /** Commit that the ref has to be, by its first hex digits. */
  readonly checksum: string | undefined;
  /** Directory within the repository that is the context. */
  readonly subdirectory: string | undefined;
  /** Keep `.git`, which builders leave out. */
  readonly keepGit: boolean;
  readonly submodules: boolean;
}

const scpLike = /^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:(?!\/\/)/;

/** Whether `docker build` takes `spec` for a Git repository (it is asked after a directory of that name). */
export function isGitUrl(spec: string): boolean {
  if (/^(?:git|ssh|git\+ssh):\/\//.test(spec) || spec.startsWith('github.com/')) return true;
  if (/^(?:https?|file):\/\//.test(spec)) return /\.git\/?(?:[?#].*)?$/.test(spec) || /^file:.*\.git[?#/]?/.test(spec);
  return scpLike.test(spec);
}

/** Parts of a Git URL: `#ref:subdirectory`, or the query form `?branch=…&subdir=…`. Throws CONTEXT_INVALID. */
export function parseGitUrl(spec: string): GitSource {
  const hash = spec.indexOf('#');
  const fragment = hash < 0 ? '' : spec.slice(hash + 1);
  let remote = hash < 0 ? spec : spec.slice(0, hash);
  const colon = fragment.indexOf(':');
  let ref = nonEmpty(colon < 0 ? fragment : fragment.slice(0, colon));
  let subdirectory = nonEmpty(colon < 0 ? '' : fragment.slice(colon + 1));
  let [keepGit, submodules] = [false, true];
  let checksum: string | undefined;
  const mark = scpLike.test(remote) ? -1 : remote.indexOf('?');
  if (mark >= 0) {
    const query = new URLSearchParams(remote.slice(mark + 1));
    for (const [key, value] of query) {
      if (query.getAll(key).length > 1) throw invalid(spec, `it has ${quote(key)} twice`);
      if (value === '' && key !== 'keep-git-dir' && key !== 'submodules')
        throw invalid(spec, `${quote(key)} has no value`);
      if (key === 'ref') ref = only(ref, value, spec);
      else if (key === 'branch') ref = only(ref, `refs/heads/${value}`, spec);
      else if (key === 'tag') ref = only(ref, `refs/tags/${value}`, spec);
      else if (key === 'subdir') subdirectory = only(subdirectory, value, spec);
      else if (key === 'checksum' || key === 'commit') checksum = only(checksum, value, spec);
      else if (key === 'keep-git-dir') keepGit = flag(key, value, spec);
      else if (key === 'submodules') submodules = flag(key, value, spec);
      else throw invalid(spec, `the query key ${quote(key)} is unknown`);
    }
    remote = remote.slice(0, mark);
  }
  if (remote.startsWith('github.com/')) remote = `https://${remote}`;
  if (ref?.startsWith('-') === true || /[\0-\x20~^:?*[\\]/.test(ref ?? ''))
    throw invalid(spec, `${quote(ref ?? '')} is no ref`);
  if (checksum !== undefined && !/^[0-9a-f]{7,64}$/.test(checksum))
    throw invalid(spec, `${quote(checksum)} is no commit`);
  if (remote.startsWith('-')) throw invalid(spec, 'it starts with a dash');
  return {remote, ref: ref ?? undefined, checksum, subdirectory, keepGit, submodules};
}

const nonEmpty = (text: string): string | undefined => (text === '' ? undefined : text);

function only(before: string | undefined, value: string, spec: string): string {
  if (before !== undefined && before !== value)
    throw invalid(spec, `it names both ${quote(before)} and ${quote(value)}`);
  return value;
}

function flag(key: string, value: string, spec: string): boolean {
  if (value === '' || value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  throw invalid(spec, `${key} takes true or false`);
}

const invalid = (spec: string, why: string): BuildError =>
  new BuildError('CONTEXT_INVALID', `Git context ${quote(withoutPassword(spec))}: ${why}`, {
    remedy: 'Write URL#REF:DIRECTORY, or URL?branch=NAME&subdir=DIRECTORY.',
  });

/** The URL with what may be secret in its user information left out. */
export const withoutPassword = (url: string): string =>
  url.replace(/^([a-z+]+:\/\/)[^/@\s]*@/i, (_, scheme: string) => `${scheme}***@`);
