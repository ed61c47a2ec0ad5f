import {formatBytes} from '../base/format-bytes.js';
import {count, formatDuration} from '../progress/format.js';
import type {JobResult} from './run.js';

/** Steps that the summary names: the slowest ones that ran. */
const most = 5;

/** One place that the image or a package went to, or should have. */
export interface SummarizedDelivery {
  readonly what: string;
  readonly where: string;
  /** Such as `sent`, `was there`, `failed`. */
  readonly outcome: string;
}

/** What a CI shows of a build, in GitHub's Markdown: tags, digests, sizes, cached steps, time, deliveries, warnings. */
export function renderSummary(
  title: string,
  result: JobResult,
  deliveries: readonly SummarizedDelivery[] = [],
): string {
  const {built, artifacts, outputs, seconds, warnings} = result;
  const ran = built.steps.filter(({cached}) => !cached);
  const facts: (readonly [string, string])[] = [
    ...(built.manifestDigest === undefined ? [] : [['Digest', code(built.manifestDigest)] as const]),
    ...(built.configDigest === undefined ? [] : [['Image ID', code(built.configDigest)] as const]),
    ...(built.tags.length === 0 ? [] : [['Tags', built.tags.map(code).join('<br>')] as const]),
    ...(outputs.length === 0 ? [] : [['Written', outputs.map(code).join('<br>')] as const]),
    ['Steps', `${ran.length} ran, ${built.steps.length - ran.length} cached`],
    ['Time', formatDuration(seconds)],
  ];
  const blocks = [`## ${text(title)}: built`, table(['', ''], facts)];
  if (artifacts.length > 0) {
    const rows = artifacts.map(({path, package: name, version, architecture, size, sha256}) => [
      code(path),
      text([name, version, architecture].filter((part) => part !== null).join(' ')),
      formatBytes(size),
      code(sha256),
    ]);
    blocks.push(table(['Artifact', 'Package', 'Size', 'SHA-256'], rows));
  }
  if (deliveries.length > 0) {
    const rows = deliveries.map(({what, where, outcome}) => [code(what), code(where), text(outcome)]);
    blocks.push(table(['Delivered', 'To', ''], rows));
  }
  const slowest = ran.toSorted((a, b) => b.seconds - a.seconds).slice(0, most);
  if (slowest.length > 0) {
    const rows = slowest.map(({name, seconds: taken}) => [code(oneLine(name)), formatDuration(taken)]);
    blocks.push(details('Slowest steps', table(['Step', 'Time'], rows)));
  }
  if (warnings.length > 0) {
    const rows = warnings.map(({rule, line, message}) => [line > 0 ? String(line) : '', code(rule), text(message)]);
    blocks.push(details(count(warnings.length, 'warning'), table(['Line', 'Rule', 'Warning'], rows)));
  }
  return `${blocks.join('\n\n')}\n\n`;
}

/** The same of a build that failed; `message` is what its user reads. */
export function renderFailureSummary(title: string, message: string): string {
  // A fence longer than any in the message.
  const longest = Math.max(2, ...[...message.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `## ${text(title)}: failed\n\n${fence}text\n${message.trimEnd()}\n${fence}\n\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function details(title: string, body: string): string {
  return `<details><summary>${title}</summary>\n\n${body}\n\n</details>`;
}

const oneLine = (name: string): string => (name.length > 100 ? `${name.slice(0, 99)}…` : name).replaceAll(/\s+/g, ' ');

/** Text that Markdown and HTML leave alone. */
function text(value: string): string {
  return value
    .replaceAll(/[&<>]/g, (sign) => ({'&': '&amp;', '<': '&lt;', '>': '&gt;'})[sign] ?? sign)
    .replaceAll(/[\\`*_[\]|~#]/g, (sign) => `\\${sign}`)
    .replaceAll(/\s+/g, ' ');
}

/** A code span in a table's cell; entities, as a span's own backticks and bars would end it. */
function code(value: string): string {
  return `<code>${value.replaceAll(/[&<>|`*_\\~[\]]/g, (sign) => `&#${sign.codePointAt(0) ?? 0};`)}</code>`;
}
