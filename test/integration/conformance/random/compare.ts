import type {Outcome} from '../case.js';

/** What differs, a line each; empty where both made the same (the words of an error may differ). */
export function differences(theirs: Outcome, ours: Outcome): readonly string[] {
  if ('error' in theirs || 'error' in ours) {
    if ('error' in theirs && 'error' in ours) return /internal error|unreachable/.test(ours.error) ? [ours.error] : [];
    const both = {theirs, ours};
    return Object.entries(both).map(([name, outcome]) => `${name}: ${'error' in outcome ? outcome.error : 'built'}`);
  }
  const lines = ({listing, image}: typeof theirs): readonly string[] => [
    ...listing,
    ...JSON.stringify((comparable(theirs.image) ? image : configOf(image)) ?? {}, null, 1).split('\n'),
  ];
  const [a, b] = [lines(theirs), lines(ours)];
  const [inA, inB] = [new Set(a), new Set(b)];
  const missing = a.filter((line) => !inB.has(line)).map((line) => `- ${line}`);
  const extra = b.filter((line) => !inA.has(line)).map((line) => `+ ${line}`);
  if (missing.length + extra.length > 0) return [...missing, ...extra];
  return a.join('\n') === b.join('\n') ? [] : ['the same lines in another order'];
}

interface Shown {
  readonly architecture?: string;
  readonly config?: unknown;
}

/** Of an image without a layer a daemon shows the config alone. */
const comparable = (image: unknown): boolean => (image as Shown | undefined)?.architecture !== '';
const configOf = (image: unknown): unknown => (image as Shown | undefined)?.config;

/** History and a few fields of the config are written otherwise by the frontend of Debian's daemon. */
export const filesOnly = (outcome: Outcome): Outcome => ('error' in outcome ? outcome : {listing: outcome.listing});
