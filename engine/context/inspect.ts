import {formatBytes} from '../base/format-bytes.js';
import {isBatched} from './directory-context.js';
import type {BuildContext} from './context.js';

/** A path of the context and why it is sent or not. */
export interface InspectedPath {
  readonly path: string;
  readonly type: string;
  /** Bytes; 0 for anything but a file. */
  readonly size: number;
  readonly sent: boolean;
  /** The rule that decided; null where none did. */
  readonly rule: {readonly pattern: string; readonly file: string; readonly line: number} | null;
}

export interface ContextInspection {
  readonly context: string;
  readonly ignoreFile: string | null;
  readonly sent: {readonly files: number; readonly bytes: number};
  /** What lies below an ignored directory that is not read is not counted. */
  readonly ignored: {readonly paths: number};
  /** Bytes of the files sent below each directory of the first level, `.` for those in the root; largest first. */
  readonly directories: readonly {readonly path: string; readonly files: number; readonly bytes: number}[];
  /** The ten largest files that are sent. */
  readonly largest: readonly {readonly path: string; readonly bytes: number}[];
  /** In the walk's order, ignored paths where they are met; an ignored directory stands for all below it. */
  readonly paths: readonly InspectedPath[];
}

const mostLargest = 10;

/** What of `context` would be sent, what not, and which rule decided. Rejects as its walk does. */
export async function inspectContext(context: BuildContext, signal: AbortSignal): Promise<ContextInspection> {
  const paths: InspectedPath[] = [];
  const ruleAt = (rule: {readonly pattern: string; readonly line: number} | undefined): InspectedPath['rule'] =>
    rule === undefined ? null : {pattern: rule.pattern, file: context.ignoreFile ?? '', line: rule.line};
  if (isBatched(context)) {
    const batches = context.batches(signal, ({path, type, size, rule}) => {
      paths.push({path, type, size, sent: false, rule: ruleAt(rule)});
    });
    for await (const batch of batches) {
      for (const {path, type, size} of batch) {
        paths.push({path, type, size, sent: true, rule: ruleAt(context.rules.ruleOf(path))});
      }
    }
    // Batches come after the ignored paths met while they were made.
    paths.sort((a, b) => inWalkOrder(a.path, b.path));
  } else {
    for await (const {path, type, size} of context.walk(signal)) paths.push({path, type, size, sent: true, rule: null});
  }
  // An ignored directory is itself sent where something below it is.
  const listed = paths.filter((one, index) => one.sent || paths[index + 1]?.path !== one.path);
  const files = listed.filter((one) => one.sent && one.type === 'file');
  const directories = new Map<string, {files: number; bytes: number}>();
  for (const {path, size} of files) {
    const top = path.includes('/') ? path.slice(0, path.indexOf('/')) : '.';
    const sum = directories.get(top) ?? {files: 0, bytes: 0};
    directories.set(top, {files: sum.files + 1, bytes: sum.bytes + size});
  }
  return {
    context: context.name,
    ignoreFile: context.ignoreFile ?? null,
    sent: {files: files.length, bytes: files.reduce((sum, {size}) => sum + size, 0)},
    ignored: {paths: listed.filter((one) => !one.sent).length},
    directories: [...directories].map(([path, sum]) => ({path, ...sum})).sort((a, b) => b.bytes - a.bytes),
    largest: files
      .toSorted((a, b) => b.size - a.size)
      .slice(0, mostLargest)
      .map(({path, size}) => ({path, bytes: size})),
    paths: listed,
  };
}

/** Component by component in byte order; ignored before sent for the same path. */
function inWalkOrder(a: string, b: string): number {
  const [left, right] = [Buffer.from(a.replaceAll('/', '\0')), Buffer.from(b.replaceAll('/', '\0'))];
  return Buffer.compare(left, right);
}

/** Control characters, which a file name may hold, made visible. */
const visible = (path: string): string =>
  path.replace(/[\0-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** The inspection as text, a path a line. */
export function renderContext(inspection: ContextInspection): string {
  const {sent, ignored, directories, largest, paths} = inspection;
  const width = Math.max(4, ...paths.slice(0, 10_000).map((one) => formatBytes(one.size).length));
  const lines = paths.map(({path, type, size, sent: isSent, rule}) => {
    const name = visible(path) + (type === 'directory' ? '/' : '');
    const amount = type === 'file' ? formatBytes(size) : '';
    const why =
      rule === null
        ? ''
        : `  ${rule.line === 0 ? (isSent ? 'needed by the builder' : 'artifacts of earlier builds') : `${rule.file}:${rule.line}: ${visible(rule.pattern)}`}`;
    return `${isSent ? 'sent   ' : 'ignored'}  ${amount.padStart(width)}  ${name}${why}`;
  });
  const sums = [
    `${sent.files} ${sent.files === 1 ? 'file' : 'files'}, ${formatBytes(sent.bytes)} sent; ${ignored.paths} ${ignored.paths === 1 ? 'path' : 'paths'} ignored` +
      (inspection.ignoreFile === null ? ' (no ignore file)' : ` by ${inspection.ignoreFile}`),
  ];
  const block = (title: string, rows: readonly {readonly path: string; readonly bytes: number}[]) =>
    rows.length === 0
      ? []
      : ['', title, ...rows.map(({path, bytes}) => `  ${formatBytes(bytes).padStart(9)}  ${visible(path)}`)];
  return [...lines, '', ...sums, ...block('By directory:', directories), ...block('Largest files:', largest), ''].join(
    '\n',
  );
}
