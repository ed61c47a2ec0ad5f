import {join} from 'node:path';
import type * as Valibot from 'valibot';
import type {Document, Node} from 'yaml';
import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {readBounded} from '../base/read-bounded.js';
import {errorAt, type SourceFile} from '../compose/source.js';
import {defaultPolicy, type Policy} from './policy.js';
import {policySchema, type PolicyDocument} from './policy-schema.js';

const names = ['build-image.yaml', 'build-image.yml'];
const mostBytes = 1024 * 1024;

/**
 * The policy of the file, or of `build-image.yaml` in the directory; without one the default. `shown` is how errors name a
 * path. Rejects with CONFIG_INVALID, which shows the place.
 */
export async function readPolicy(
  file: string | undefined,
  directory: string,
  shown: (path: string) => string,
  signal: AbortSignal,
): Promise<Policy> {
  for (const path of file === undefined ? names.map((name) => join(directory, name)) : [file]) {
    const text = await readBounded(path, mostBytes, 'CONFIG_INVALID', signal);
    if (text !== undefined) return parsePolicy(shown(path), text);
  }
  if (file === undefined) return defaultPolicy;
  throw new BuildError('CONFIG_INVALID', 'there is no such policy file', {file: shown(file)});
}

/** Rejects with CONFIG_INVALID. `label` names the file in errors. */
export async function parsePolicy(label: string, text: string): Promise<Policy> {
  const [yaml, valibot] = await Promise.all([import('yaml'), import('valibot')]);
  const file: SourceFile = {path: label, label, text, directory: ''};
  const document = yaml.parseDocument(text, {prettyErrors: false, logLevel: 'silent', uniqueKeys: true});
  const [broken] = document.errors;
  if (broken !== undefined) {
    const [start, end] = broken.pos;
    throw errorAt('CONFIG_INVALID', `broken YAML: ${broken.message.split('\n')[0] ?? ''}`, {file, start, end});
  }
  let value: unknown;
  try {
    value = document.toJS({maxAliasCount: 100});
  } catch (error) {
    throw new BuildError('CONFIG_INVALID', 'its aliases unfold to too much', {file: label, cause: error});
  }
  // A list has keys too.
  if (Array.isArray(value)) {
    throw errorAt('CONFIG_INVALID', 'the policy is a list instead of a mapping', {
      file,
      ...placeOf(document, [0], false),
    });
  }
  const result = valibot.safeParse(policySchema(valibot), value ?? {}, {abortEarly: false});
  if (result.success) return policyOf(result.output);
  // A key that is not known says more than what is missing for want of it.
  const issues = result.issues.map(innermost);
  const issue = issues.find(({expected}) => expected === 'never') ?? issues[0];
  throw issue === undefined ? new Error('unreachable: no issue') : issueError(issue, document, file);
}

function issueError(issue: Issue, document: Document.Parsed, file: SourceFile): BuildError {
  const path = pathOf(issue);
  const unknown = issue.expected === 'never';
  const key = path.at(-1);
  const at = {file, ...placeOf(document, path, unknown)};
  if (unknown && typeof key === 'string') {
    const known = policyKeys[placeName(path.slice(0, -1))] ?? [];
    const message = `there is no key ${quote(key)} here${didYouMean(key, known)}`;
    return errorAt('CONFIG_INVALID', message, at, `Known: ${known.join(', ')}.`);
  }
  const subject = path.length === 0 ? 'the policy' : path.map(String).join('.');
  const {expected, received, message} = issue;
  const problem =
    expected === null || issue.kind === 'validation'
      ? message
      : `is ${inWords(received)} instead of ${inWords(expected)}`;
  return errorAt('CONFIG_INVALID', `${subject} ${problem}`, at);
}

type Issue = Valibot.BaseIssue<unknown>;

const pathOf = (issue: Issue): readonly unknown[] => (issue.path ?? []).map(({key}) => key);

/** What is wrong inside a value that may have several forms says more than that it has none of them. */
function innermost(issue: Issue): Issue {
  const inner = (issue.issues ?? []).filter(({path}) => path !== undefined);
  const [first] = inner;
  if (first === undefined) return issue;
  const chosen = inner.find(({expected}) => expected === 'never') ?? first;
  return {...chosen, path: [...(issue.path ?? []), ...(chosen.path ?? [])] as unknown as NonNullable<Issue['path']>};
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  Array: 'a list',
  Object: 'a mapping',
  undefined: 'missing',
};

function inWords(type: string): string {
  if (type.startsWith('"')) return type;
  return type
    .replace(/\b(?:string|boolean|Array|Object|undefined)\b/g, (word) => typeWords[word] ?? word)
    .replaceAll(' | ', ' or ')
    .replace(/^\((.*)\)$/, '$1');
}

/** Offsets of what the path names: its key where the key is wrong, else its value, or the nearest thing around. */
function placeOf(
  document: Document.Parsed,
  path: readonly unknown[],
  key: boolean,
): {readonly start: number; readonly end: number} {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as Node | undefined;
    const parent = document.getIn(path.slice(0, length - 1), true) as {items?: readonly {key?: Node}[]} | undefined;
    const pair = parent?.items?.find((item) => String(item.key) === String(path[length - 1]));
    const found = key && length === path.length ? pair?.key : (node ?? pair?.key);
    const range = found?.range;
    if (range !== undefined && range !== null) return {start: range[0], end: Math.max(range[1], range[0] + 1)};
  }
  return {start: 0, end: 1};
}

/** `deliver.registries` for a key of one of its entries. */
const placeName = (path: readonly unknown[]): string => path.filter((key) => typeof key === 'string').join('.');

const policyKeys: Readonly<Record<string, readonly string[]>> = {
  '': ['image', 'deliver'],
  deliver: ['branches', 'tags', 'registries', 'packages', 'annotations', 'labels', 'provenance', 'sbom'],
  'deliver.tags': ['branches', 'git', 'semver', 'hash', 'short-hash', 'extra'],
  'deliver.registries': ['name', 'repository'],
  'deliver.packages': ['name', 'url', 'distribution', 'component'],
};

function policyOf({image, deliver = {}}: PolicyDocument): Policy {
  const {tags = {}, registries = [], packages = []} = deliver;
  const {tags: usual} = defaultPolicy;
  return {
    image: image ?? defaultPolicy.image,
    deliver: deliver.branches ?? defaultPolicy.deliver,
    tags: {
      branches: tags.branches === undefined ? usual.branches : new Map(Object.entries(tags.branches)),
      git: tags.git ?? usual.git,
      semver: tags.semver ?? usual.semver,
      hash: tags.hash ?? usual.hash,
      shortHash: tags['short-hash'] ?? usual.shortHash,
      extra: tags.extra ?? usual.extra,
    },
    registries: registries.map((entry) =>
      typeof entry === 'string'
        ? {name: entry, repository: entry}
        : {name: entry.name ?? entry.repository, repository: entry.repository},
    ),
    packages: packages.map((entry) => ({
      name: entry.name ?? 'packages',
      url: entry.url,
      distribution: entry.distribution,
      component: entry.component,
    })),
    annotations: deliver.annotations ?? defaultPolicy.annotations,
    labels: deliver.labels ?? defaultPolicy.labels,
    provenance: deliver.provenance ?? defaultPolicy.provenance,
    sbom: deliver.sbom ?? defaultPolicy.sbom,
  };
}
