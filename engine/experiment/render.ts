import {formatBytes} from '../base/format-bytes.js';
import {formatDuration} from '../progress/format.js';
import {noImage} from './expectations.js';
import {type ExperimentResult, isGood, type VariantResult} from './result.js';

/** Rows of the table of an experiment, the first one the heads. */
export function resultRows({axes, variants, baseline, skipped}: ExperimentResult): readonly (readonly string[])[] {
  const base = variants.find(({name}) => name === baseline);
  const expects = variants.some(({expectations}) => expectations.length > 0);
  const named = variants.some(
    ({name, labels}) => !Object.entries(labels).every(([title, label]) => name.includes(`${title}=${label}`)),
  );
  const heads = [
    ...(named || axes.length === 0 ? ['VARIANT'] : []),
    ...axes.map((axis) => axis.toUpperCase()),
    ...['STATUS', 'TOOK', 'ALONE', 'RAN', 'CACHED', 'SIZE', 'AGAINST BASELINE'],
    ...(expects ? ['EXPECTATIONS'] : []),
  ];
  const row = (one: VariantResult): readonly string[] => [
    ...(named || axes.length === 0 ? [one.name] : []),
    ...axes.map((axis) => one.labels[axis] ?? '-'),
    `${one.status}${one.resumed ? ' (earlier)' : ''}`,
    formatDuration(one.seconds),
    one.aloneSeconds === null ? '-' : formatDuration(one.aloneSeconds),
    String(one.steps.ran),
    String(one.steps.cached),
    one.image === null ? '-' : formatBytes(one.image.size),
    againstBaseline(one, base),
    ...(expects ? [expectationsText(one)] : []),
  ];
  // The name takes the first column, whatever that is.
  const unstarted = (name: string): readonly string[] => [
    name,
    ...(named ? axes : axes.slice(1)).map(() => ''),
    'not started',
  ];
  return [heads, ...variants.map(row), ...skipped.map(unstarted)];
}

function againstBaseline(one: VariantResult, base: VariantResult | undefined): string {
  if (one === base) return 'baseline';
  if (one.image === null || base?.image === undefined || base.image === null) return '-';
  const more = one.image.size - base.image.size;
  const same = one.image.digest === base.image.digest;
  if (same) return 'the same image';
  return more === 0 ? 'same size' : `${more > 0 ? '+' : '-'}${formatBytes(Math.abs(more))}`;
}

function expectationsText({expectations}: VariantResult): string {
  const broken = expectations.filter(({holds}) => !holds);
  if (expectations.length === 0) return '-';
  if (broken.length === 0) return expectations.length === 1 ? '1 holds' : `${expectations.length} hold`;
  if (broken.every(({actual}) => actual === noImage)) return 'no image to look into';
  return broken.map(({name, actual}) => `NOT ${name} (${actual})`).join('; ');
}

/** What went wrong and how to look closer, in lines below the table; none where all is well. */
export function problemLines({variants}: ExperimentResult): readonly string[] {
  return variants
    .filter((one) => !isGood(one))
    .flatMap((one) => {
      const error = one.error === null ? [] : one.error.split('\n').map((line) => `  ${line}`);
      const broken = one.expectations
        .filter(({holds, actual}) => !holds && actual !== noImage)
        .map(({name, actual}) => `  expected ${name}, got ${actual}`);
      return ['', `${one.name}: ${one.status}`, ...error, ...broken];
    });
}
