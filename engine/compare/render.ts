import {formatBytes} from '../base/format-bytes.js';
import type {FileChange, FileState, ImageDiff, PackageChange} from './compare.js';
import {growth} from './compare.js';
import type {DebDiff} from './debs.js';
import {byLayer, byPackage, type ChangeGroup} from './groups.js';
import type {StepTimeChange} from './step-times.js';

/** All that is known of what differs from A to B. */
export interface Comparison {
  readonly image: ImageDiff | undefined;
  /** Packages among the artifacts. */
  readonly artifacts: readonly DebDiff[];
  /** Seconds of the steps, where both builds are known. */
  readonly steps: readonly StepTimeChange[];
}

export interface RenderOptions {
  /** Files shown of each group; Infinity: all. */
  readonly most: number;
}

const marks = {added: '+', removed: '-', changed: '~', upgraded: '^', downgraded: 'v'} as const;

/** `+1.2 MB`, `-300 B`, `±0`. */
export function signedBytes(bytes: number): string {
  if (bytes === 0) return '±0';
  return `${bytes > 0 ? '+' : '-'}${formatBytes(Math.abs(bytes))}`;
}

/** The comparison as text, a section for each kind of difference; what does not differ is not there. */
export function renderComparison({image, artifacts, steps}: Comparison, options: RenderOptions): string {
  const lines = [
    ...(image === undefined ? [] : imageLines(image, options)),
    ...section('artifacts', artifacts.flatMap(debLines)),
    ...section('step times', steps.map(stepLine)),
  ];
  const nothing = image === undefined || (image.files.length === 0 && image.config.length === 0);
  if (nothing && artifacts.length === 0) lines.push('', 'no difference');
  return lines
    .map((line) => `${line}\n`)
    .join('')
    .replace(/^\n/, '');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function imageLines(diff: ImageDiff, options: RenderOptions): readonly string[] {
  const {a, b, config, packages, files, sharedLayers} = diff;
  const side = (name: string, {name: text, place, configDigest, size, files: count}: ImageDiff['a']): string =>
    `${name}  ${text}  ${(configDigest ?? '').slice(0, 19)}  ${formatBytes(size)}, ${count} files  (${place})`;
  return [
    side('A', a),
    side('B', b),
    `size ${signedBytes(b.size - a.size)}; files: ${countsOf(files)}; ${sharedLayers} of ${a.layers.length} and ${b.layers.length} layers are shared`,
    ...section(
      'config',
      config.map(({name, before, after}) => `${mark(before, after)} ${name}: ${shown(before)} -> ${shown(after)}`),
    ),
    ...section('packages', packages.map(packageLine)),
    ...section(
      'layers',
      byLayer(diff).map((group) => layerLine(diff, group)),
    ),
    ...filesSection(diff, options),
  ];
}

function filesSection(diff: ImageDiff, {most}: RenderOptions): readonly string[] {
  const lines: string[] = [];
  for (const group of byPackage(diff)) {
    lines.push('', `files of ${group.key ?? 'no package'}: ${countsOf(group.files)}, ${signedBytes(group.bytes)}`);
    for (const file of group.files.slice(0, most)) lines.push(`  ${fileLine(file)}`);
    if (group.files.length > most) lines.push(`  … and ${group.files.length - most} more (--all shows them)`);
  }
  return lines;
}

const mark = (before: string | undefined, after: string | undefined): string =>
  before === undefined ? marks.added : after === undefined ? marks.removed : marks.changed;

const shown = (value: string | undefined): string => (value === undefined ? '(none)' : escapeText(value));

/** Control characters are shown, not sent to the terminal. */
export function escapeText(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => {
    const code = char.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

export function countsOf(files: readonly FileChange[]): string {
  const count = (change: FileChange['change']): number => files.filter((file) => file.change === change).length;
  const parts = (['added', 'removed', 'changed'] as const)
    .map((change) => [count(change), change] as const)
    .filter(([number]) => number > 0);
  return parts.length === 0 ? 'the same' : parts.map(([number, change]) => `${number} ${change}`).join(', ');
}

function packageLine({name, architecture, change, before, after, files, bytes}: PackageChange): string {
  const versions = before !== undefined && after !== undefined ? `${before} -> ${after}` : (after ?? before ?? '');
  return `${marks[change]} ${name} ${versions} ${architecture}  ${change}, ${files} files, ${signedBytes(bytes)}`;
}

/** Which image's layer a group of `byLayer` is, with the instruction that made it. */
export function layerOf(
  diff: ImageDiff,
  {key}: Pick<ChangeGroup, 'key'>,
): {readonly side: 'A' | 'B'; readonly index: number; readonly createdBy: string} {
  const [letter, number] = (key ?? 'b:0').split(':');
  const index = Number(number);
  const side = letter === 'a' ? 'A' : 'B';
  const layer = (side === 'A' ? diff.a : diff.b).layers[index];
  return {side, index, createdBy: layer?.createdBy ?? ''};
}

function layerLine(diff: ImageDiff, group: ChangeGroup): string {
  const {side, index, createdBy} = layerOf(diff, group);
  const text = escapeText(createdBy.replace(/\s+/g, ' ')).slice(0, 100);
  return `${side} layer ${index + 1}: ${countsOf(group.files)}, ${signedBytes(group.bytes)}${text === '' ? '' : `  ${text}`}`;
}

function fileLine(file: FileChange): string {
  const {path, change, before, after} = file;
  const name = escapeText(path);
  if (change !== 'changed') {
    const state = after ?? before;
    return `${marks[change]} ${name}${state?.type === 'file' ? `  ${formatBytes(state.size)}` : ''}`;
  }
  return `${marks.changed} ${name}  ${whatChanged(file).join(', ')}`;
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

/** `mode 0644 -> 0755`, `owner 0:0 -> 1:1`, `content +12 B`. */
export function whatChanged(file: FileChange): readonly string[] {
  const {what, before, after} = file;
  if (before === undefined || after === undefined) return [];
  const texts: Readonly<Record<FileChange['what'][number], (a: FileState, b: FileState) => string | undefined>> = {
    type: (a, b) => `${a.type} -> ${b.type}`,
    content: () => `content ${signedBytes(growth(file))}`,
    size: (a, b) => (what.includes('content') ? undefined : `size ${a.size} -> ${b.size}`),
    mode: (a, b) => `mode ${octal(a.mode)} -> ${octal(b.mode)}`,
    owner: (a, b) => `owner ${a.uid}:${a.gid} -> ${b.uid}:${b.gid}`,
    link: (a, b) => `link ${escapeText(a.link ?? '')} -> ${escapeText(b.link ?? '')}`,
    device: () => 'device number',
    attributes: () => 'extended attributes',
  };
  return what.map((aspect) => texts[aspect](before, after)).filter((text) => text !== undefined);
}

function debLines(deb: DebDiff): readonly string[] {
  const versions =
    deb.change === 'same version' ? (deb.after ?? '') : `${deb.before ?? '(none)'} -> ${deb.after ?? '(none)'}`;
  return [
    `${deb.package} ${versions}  ${deb.change}`,
    ...deb.fields.map(
      ({name, before, after}) => `  ${mark(before, after)} ${name}: ${shown(before)} -> ${shown(after)}`,
    ),
    ...deb.filesAdded.map((path) => `  + ${escapeText(path)}`),
    ...deb.filesRemoved.map((path) => `  - ${escapeText(path)}`),
  ];
}

function stepLine({name, before, after}: StepTimeChange): string {
  const text = (seconds: number | undefined): string => (seconds === undefined ? '(none)' : `${seconds.toFixed(1)}s`);
  return `${text(before)} -> ${text(after)}  ${escapeText(name)}`;
}
