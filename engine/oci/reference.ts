import {BuildError, quote} from '../base/errors.js';
import {type Digest, isDigest} from './digest.js';

/** An image reference, normalised: `debian` is `docker.io/library/debian`. */
export interface Reference {
  /** Registry host with port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** Repository in the registry: `library/debian`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export const defaultDomain = 'docker.io';
const legacyDomain = 'index.docker.io';
const officialPrefix = 'library/';
const longestPath = 255;

// The grammar of the distribution project's reference package, whole-string.
const domainPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const componentPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

function invalid(text: string, why: string, remedy?: string): BuildError {
  return new BuildError('REFERENCE_INVALID', `invalid image reference ${quote(text)}: ${why}`, {
    remedy: remedy ?? 'A reference is [HOST[:PORT]/]NAME[/NAME…][:TAG][@sha256:DIGEST], such as debian:bookworm-slim.',
  });
}

/**
 * Parses and normalises; neither tag nor digest is added. Throws BuildError REFERENCE_INVALID
 * (published grammar of distribution/reference, with Docker's rules for the default domain).
 */
export function parseReference(text: string): Reference {
  if (text === '') throw invalid(text, 'it is empty');
  if (text !== text.trim()) throw invalid(text, 'there is a space around it');
  if (/^https?:\/\//i.test(text)) {
    throw invalid(text, 'it is a URL', `Leave the scheme out: ${quote(text.replace(/^https?:\/\//i, ''))}.`);
  }
  const [beforeDigest, digest] = splitDigest(text);
  const [name, tag] = splitTag(text, beforeDigest);
  if (name === '') throw invalid(text, 'the name before the tag or digest is missing');
  if (digest === undefined && /^[0-9a-f]{64}$/.test(name)) {
    throw invalid(
      text,
      'a repository name cannot be 64 hexadecimal digits',
      `For an image by digest write NAME@sha256:${name}.`,
    );
  }
  const {domain, path} = splitDomain(name);
  checkName(text, domain, path);
  return {domain, path, ...(tag === undefined ? {} : {tag}), ...(digest === undefined ? {} : {digest})};
}

function splitDigest(text: string): [string, Digest | undefined] {
  const at = text.indexOf('@');
  if (at === -1) return [text, undefined];
  const digest = text.slice(at + 1);
  if (isDigest(digest)) return [text.slice(0, at), digest];
  if (!digestPattern.test(digest)) throw invalid(text, `${quote(digest)} is not a digest`);
  if (!digest.startsWith('sha256:')) {
    throw invalid(
      text,
      `digests of ${quote(digest.slice(0, digest.indexOf(':')))} are not supported`,
      'Use a sha256 digest.',
    );
  }
  throw invalid(text, 'a sha256 digest has exactly 64 lower-case hexadecimal digits');
}

function splitTag(text: string, name: string): [string, string | undefined] {
  // A colon before the last slash belongs to the port.
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  if (colon === -1) return [name, undefined];
  const tag = name.slice(colon + 1);
  if (tagPattern.test(tag)) return [name.slice(0, colon), tag];
  if (tag === '') throw invalid(text, 'the tag after ":" is empty');
  if (tag.length > 128) throw invalid(text, 'a tag has at most 128 characters');
  throw invalid(
    text,
    `${quote(tag)} is not a tag`,
    'A tag has letters, digits, "_", "." and "-", and starts with a letter, a digit or "_".',
  );
}

function splitDomain(name: string): {readonly domain: string; readonly path: string} {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isDomain = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  const domain = !isDomain || first === legacyDomain ? defaultDomain : first;
  const path = isDomain ? name.slice(slash + 1) : name;
  return {domain, path: domain === defaultDomain && !path.includes('/') ? officialPrefix + path : path};
}

function checkName(text: string, domain: string, path: string): void {
  if (!domainPattern.test(domain)) throw invalid(text, `${quote(domain)} is not a registry host`);
  if (path !== path.toLowerCase()) {
    const written = text.includes(path) ? path : path.slice(officialPrefix.length);
    throw invalid(
      text,
      'a repository name is in lower case',
      `Did you mean ${quote(text.replace(written, written.toLowerCase()))}?`,
    );
  }
  for (const component of path.split('/')) {
    if (componentPattern.test(component)) continue;
    throw invalid(
      text,
      component === '' ? 'a part of the name between slashes is empty' : `${quote(component)} is not a name`,
      'Names have lower-case letters and digits; ".", "_", "__" or "-" may stand between them.',
    );
  }
  if (path.length > longestPath) throw invalid(text, `a repository name has at most ${longestPath} characters`);
}

/** `docker.io/library/debian:12@sha256:…`: what a registry or a tag file is keyed by. */
export function formatReference(reference: Reference): string {
  return `${repositoryOf(reference)}${suffix(reference)}`;
}

/** `docker.io/library/debian`. */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** As people write it: `debian:12`, `team/app`, `localhost:5000/app`. */
export function familiarName(reference: Reference): string {
  const {domain, path} = reference;
  if (domain !== defaultDomain) return formatReference(reference);
  const rest = path.slice(officialPrefix.length);
  const official = path.startsWith(officialPrefix) && !rest.includes('/');
  return `${official ? rest : path}${suffix(reference)}`;
}

/** With `:latest` where there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? {...reference, tag: 'latest'} : reference;
}

/** `docker.io/library/debian:latest` of `debian`. Throws BuildError REFERENCE_INVALID. */
export function fullReference(text: string): string {
  return formatReference(withDefaultTag(parseReference(text)));
}

/** The same; undefined where the text is no reference. */
export function normalReference(text: string): string | undefined {
  try {
    return fullReference(text);
  } catch {
    return undefined;
  }
}

function suffix({tag, digest}: Reference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}
