/** A step of a build, as far as it is needed to find the same one in another build. */
export interface MatchedStep {
  readonly id: string;
  readonly stage: string;
  readonly instruction: string;
  /** The instruction as it stands in the Dockerfile, with its here-documents. */
  readonly written: string;
}

/** Above this many steps in one stage on both sides only equal places are compared. */
const mostCells = 1_000_000;

/**
 * Which step of `before` each step of `after` is, by id: the same text in the same order, else the same text elsewhere in
 * the stage, else the same kind of instruction between two that are the same. Steps without such are left out.
 */
export function matchSteps(before: readonly MatchedStep[], after: readonly MatchedStep[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const old = byStage(before);
  for (const [stage, steps] of byStage(after)) {
    const same = old.get(stage) ?? [];
    for (const [id, was] of matchStage(/^\d+$/.test(stage) ? mostAlike(old, steps) : same, steps)) found.set(id, was);
  }
  return found;
}

function byStage(steps: readonly MatchedStep[]): Map<string, MatchedStep[]> {
  const stages = new Map<string, MatchedStep[]>();
  for (const step of steps) stages.set(step.stage, [...(stages.get(step.stage) ?? []), step]);
  return stages;
}

/** A stage without a name is called by its number, which changes where stages come and go. */
function mostAlike(
  stages: ReadonlyMap<string, readonly MatchedStep[]>,
  steps: readonly MatchedStep[],
): readonly MatchedStep[] {
  const texts = new Set(steps.map(({written}) => written));
  let best: readonly MatchedStep[] = stages.get(steps[0]?.stage ?? '') ?? [];
  let most = best.filter(({written}) => texts.has(written)).length;
  for (const [stage, other] of stages) {
    const alike = other.filter(({written}) => texts.has(written)).length;
    if (!/^\d+$/.test(stage) || alike <= most) continue;
    [best, most] = [other, alike];
  }
  return best;
}

function matchStage(before: readonly MatchedStep[], after: readonly MatchedStep[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const pairs = commonPairs(before, after);
  const usedBefore = new Set(pairs.map(([old]) => old));
  const usedAfter = new Set(pairs.map(([, now]) => now));
  for (const [old, now] of pairs) set(old, now);
  // Moved: the same text elsewhere.
  for (const [now, step] of after.entries()) {
    if (usedAfter.has(now)) continue;
    const old = before.findIndex(({written}, index) => !usedBefore.has(index) && written === step.written);
    if (old >= 0) set(old, now);
  }
  // Edited: between two that are the same there is one of the kind on both sides.
  let start: readonly [old: number, now: number] = [-1, -1];
  for (const end of [...pairs, [before.length, after.length] as const]) {
    for (let now = start[1] + 1; now < end[1]; now++) {
      if (usedAfter.has(now)) continue;
      for (let old = start[0] + 1; old < end[0]; old++) {
        if (usedBefore.has(old) || before[old]?.instruction !== after[now]?.instruction) continue;
        set(old, now);
        break;
      }
    }
    start = end;
  }
  return found;

  function set(old: number, now: number): void {
    usedBefore.add(old);
    usedAfter.add(now);
    const [was, is] = [before[old], after[now]];
    if (was !== undefined && is !== undefined) found.set(is.id, was.id);
  }
}

/** Places of a longest common subsequence of the texts. */
function commonPairs(
  before: readonly MatchedStep[],
  after: readonly MatchedStep[],
): readonly (readonly [old: number, now: number])[] {
  const [rows, columns] = [before.length, after.length];
  const same = (i: number, j: number): boolean => before[i]?.written === after[j]?.written;
  if (rows * columns > mostCells) {
    return before.flatMap((_, index) => (same(index, index) ? [[index, index] as const] : []));
  }
  const width = columns + 1;
  const length = new Uint32Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      const both = same(i, j) ? (length[(i + 1) * width + j + 1] ?? 0) + 1 : 0;
      length[i * width + j] = Math.max(both, length[(i + 1) * width + j] ?? 0, length[i * width + j + 1] ?? 0);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < rows && j < columns;) {
    if (same(i, j)) pairs.push([i++, j++]);
    else if ((length[(i + 1) * width + j] ?? 0) >= (length[i * width + j + 1] ?? 0)) i++;
    else j++;
  }
  return pairs;
}
