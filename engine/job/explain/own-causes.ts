import {canonicalJson, type KeyValue} from '../../plan/cache-key.js';
import type {Cause} from '../../store/build-record.js';
import type {Fact, ListedFile} from '../../store/facts.js';
import {changedFiles, changedText, type WhyGone} from './file-changes.js';
import {changed, fieldCauses, firstDifference, platformText, text} from './values.js';

/** What comparing two sets of facts needs beside them. */
export interface Compared {
  readonly before: readonly Fact[];
  readonly after: readonly Fact[];
  /** The instruction is the same text on both sides, with its here-documents. */
  readonly sameText: boolean;
  /** Without them. */
  readonly sameLine: boolean;
  readonly fileList: (digest: string) => readonly ListedFile[] | undefined;
  readonly whyGone: WhyGone;
}

interface Difference {
  readonly kind: string;
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** ARG and ENV are one set of names to a step. */
const identity = ({kind, name}: Fact): string => `${kind === 'arg' ? 'env' : kind}\0${name}`;

const canonical = (value: unknown): string => canonicalJson((value ?? null) as KeyValue);

/** What differs, with the kind that the later side calls it. */
function differences({before, after}: Compared): readonly Difference[] {
  const old = new Map(before.map((fact) => [identity(fact), fact]));
  const found: Difference[] = [];
  for (const fact of after) {
    const was = old.get(identity(fact));
    old.delete(identity(fact));
    if (was !== undefined && canonical(was.value) === canonical(fact.value)) continue;
    found.push({kind: fact.kind, name: fact.name, before: was?.value, after: fact.value});
  }
  for (const {kind, name, value} of old.values()) found.push({kind, name, before: value, after: undefined});
  return found;
}

/**
 * Why the step itself is another one than before, whatever ran in front of it. `input` facts (what other steps left) are
 * not looked at: who knows the steps says it better.
 */
export function ownCauses(compared: Compared): readonly Cause[] {
  const found = differences(compared);
  const causes = found.flatMap((difference) => causesOf(difference, compared));
  // Where the text is the same, what came out of it differs because of the variables in it.
  const variables = found.filter(({kind}) => kind === 'mention').map(variableCause);
  const derived = new Set<Cause['kind']>(['instruction', 'flag', 'mount', 'base', 'heredoc']);
  const kept = compared.sameText && variables.length > 0 ? causes.filter(({kind}) => !derived.has(kind)) : causes;
  // Another instruction has other flags too; the text shows them.
  const whole = kept.some(({kind}) => kind === 'instruction') ? kept.filter(({kind}) => kind !== 'flag') : kept;
  const told = new Set<string>();
  return [...(compared.sameText ? variables : []), ...whole].filter(({kind, name}) => {
    const key = `${kind}\0${name}`;
    return !told.has(key) && told.add(key);
  });
}

function causesOf(difference: Difference, {fileList, whyGone, sameLine}: Compared): readonly Cause[] {
  const {kind, name, before, after} = difference;
  switch (kind) {
    case 'arg':
    case 'env':
      return [variableCause(difference)];
    case 'instruction':
      return [instructionCause(name, before, after, sameLine)];
    case 'content':
      return fileCauses(name, before, after, fileList, whyGone);
    case 'mount':
      return fieldCauses('mount', `--mount ${name.replace(/^\d+ /, '')}`, before, after);
    case 'platform':
      return [changed('platform', name, 'platform', platformText(before), platformText(after))];
    case 'base':
      return baseCause(before, after);
    case 'setting':
      return settingCauses(name, before, after);
    default:
      return [];
  }
}

/** A mention is called `arg NAME` or `env NAME`. */
function variableCause({kind, name, before, after}: Difference): Cause {
  const [of, plain = name] = kind === 'mention' ? name.split(' ', 2) : [kind, name];
  const is = of === 'env' ? 'env' : 'arg';
  return changed(is, plain, `${is.toUpperCase()} ${plain}`, text(before), text(after));
}

function instructionCause(keyword: string, before: unknown, after: unknown, sameLine: boolean): Cause {
  const [was, is] = [before, after].map((value) => (Array.isArray(value) ? value.map(String) : undefined));
  if (was !== undefined && is !== undefined && was.length > 1 && is.length > 1 && keyword === 'RUN') {
    const command = is.at(-1);
    if (was.at(-1) === command) {
      const shells = [was, is].map((argv) => JSON.stringify(argv.slice(0, -1)));
      return changed('shell', 'SHELL', 'SHELL', shells[0] ?? '', shells[1] ?? '');
    }
    if (sameLine)
      return changed('heredoc', '<<', 'the here-document', ...firstDifference(was.at(-1) ?? '', command ?? ''));
  }
  const shown = [was, is].map((argv, index) => (argv === undefined ? text([before, after][index]) : commandOf(argv)));
  return changed('instruction', keyword, `the instruction ${keyword}`, shown[0] ?? null, shown[1] ?? null);
}

/** Without the shell in front. */
function commandOf(argv: readonly string[]): string {
  return /sh$/.test(argv[0] ?? '') && argv[1] === '-c' ? argv.slice(2).join(' ') : argv.join(' ');
}

function baseCause(before: unknown, after: unknown): readonly Cause[] {
  const [was, is] = [before, after] as readonly (
    {readonly reference?: unknown; readonly layers?: unknown} | undefined
  )[];
  const [old, now] = [text(was?.reference), text(is?.reference)];
  if (old !== now) return [changed('base', 'FROM', 'FROM', old, now)];
  if (typeof was?.layers !== 'string' || typeof is?.layers !== 'string') return [];
  return [changed('base', now ?? '', `base image ${now ?? ''}`, was.layers.slice(0, 12), is.layers.slice(0, 12))];
}

function fileCauses(
  name: string,
  before: unknown,
  after: unknown,
  fileList: Compared['fileList'],
  whyGone: WhyGone,
): readonly Cause[] {
  if (typeof before !== 'string' || typeof after !== 'string') return [];
  const [old, now] = [fileList(before), fileList(after)];
  const cause = {kind: 'files' as const, name, before: before.slice(0, 12), after: after.slice(0, 12)};
  if (old === undefined || now === undefined) {
    return [{...cause, text: 'the files it reads changed (which of them is not known any more)'}];
  }
  const files = changedFiles(old, now, whyGone);
  if (files.changed === 0) return [{...cause, files, text: 'the order of the files it reads changed'}];
  return [{...cause, files, text: changedText(files)}];
}

function settingCauses(name: string, before: unknown, after: unknown): readonly Cause[] {
  if (name === 'flags') return fieldCauses('flag', '', before, after);
  if (name === 'recipe')
    return [changed('setting', name, 'the way build-image makes steps', text(before), text(after))];
  if (name === 'script') {
    const [was, is] = [before, after].map((value) => (value as {content?: unknown} | undefined)?.content);
    return [changed('heredoc', '<<', 'the here-document', ...firstDifference(text(was) ?? '', text(is) ?? ''))];
  }
  if (name.startsWith('<<')) {
    return [
      changed('heredoc', name, `the here-document ${name}`, ...firstDifference(text(before) ?? '', text(after) ?? '')),
    ];
  }
  const flags: Readonly<Record<string, string>> = {network: '--network', security: '--security', hosts: '--add-host'};
  const flag = flags[name];
  return [changed(flag === undefined ? 'setting' : 'flag', flag ?? name, flag ?? name, text(before), text(after))];
}
