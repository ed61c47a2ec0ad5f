import type {ConformanceCase} from '../case.js';

/**
 * The smallest case that is found by leaving out instructions, paths, arguments and flags while `differs` holds: large
 * pieces first, then one by one until nothing more can go.
 */
export async function shrink(
  start: ConformanceCase,
  differs: (one: ConformanceCase) => Promise<boolean>,
): Promise<ConformanceCase> {
  let best = start;
  const fewer = async <T>(parts: readonly T[], whole: (parts: readonly T[]) => ConformanceCase): Promise<void> => {
    const kept = await fewest(parts, (some) => differs(whole(some)));
    if (kept.length < parts.length) best = whole(kept);
  };
  let before;
  do {
    before = JSON.stringify(best);
    const case_ = best;
    await fewer(instructionsOf(case_.dockerfile), (pieces) => ({...case_, dockerfile: pieces.join('')}));
    await fewer(
      Object.entries(best.context ?? {}),
      ((one) => (some) => ({...one, context: Object.fromEntries(some)}))(best),
    );
    await fewer(
      Object.entries(best.buildArgs ?? {}),
      ((one) => (some) => ({...one, buildArgs: Object.fromEntries(some)}))(best),
    );
    await fewer(pairs(best.flags ?? []), ((one) => (some) => ({...one, flags: some.flat()}))(best));
    await fewer(best.dockerfile.split(/(?<= )/), ((one) => (some) => ({...one, dockerfile: some.join('')}))(best));
  } while (JSON.stringify(best) !== before);
  return best;
}

const pairs = (flags: readonly string[]): string[][] =>
  Array.from({length: flags.length / 2}, (_, index) => flags.slice(index * 2, index * 2 + 2));

/** The parts of `all` without any that `holds` can do without. */
async function fewest<T>(all: readonly T[], holds: (some: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let kept = all;
  for (let size = Math.ceil(all.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = kept.length - size; at > -size; at -= size) {
      const without = [...kept.slice(0, Math.max(at, 0)), ...kept.slice(at + size)];
      if (without.length < kept.length && (await holds(without))) kept = without;
    }
  }
  return kept;
}

/** The pieces of a Dockerfile that may be left out one by one: here-documents and a continued line are one piece. */
function instructionsOf(text: string): string[] {
  const pieces: string[] = [];
  let ends: string[] = [];
  let open = false;
  for (const line of text.split(/(?<=\n)/)) {
    if (ends.length > 0 || open) pieces.push(`${pieces.pop() ?? ''}${line}`);
    else pieces.push(line);
    if (ends.length > 0) {
      if (line.trim() === ends[0]) ends = ends.slice(1);
      continue;
    }
    ends = [...line.matchAll(/<<-?(['"]?)([\w.]+)\1/g)].map((match) => match[2] ?? '');
    open = /[\\`][ \t]*\r?\n$/.test(line) || (open && /^\s*(?:#|$)/.test(line));
  }
  return pieces;
}
