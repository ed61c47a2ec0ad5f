import type {ConformanceCase} from '../case.js';

/**
 * The smallest case that is found by leaving out instructions and paths of the context while `differs` holds. Calls
 * `differs` about as often as the case has lines and paths.
 */
export async function shrink(
  start: ConformanceCase,
  differs: (one: ConformanceCase) => Promise<boolean>,
): Promise<ConformanceCase> {
  let best = start;
  const tryOut = async (one: ConformanceCase): Promise<boolean> => {
    if (!(await differs(one))) return false;
    best = one;
    return true;
  };
  let smaller = true;
  while (smaller) {
    smaller = false;
    const chunks = instructionsOf(best.dockerfile);
    for (let index = chunks.length - 1; index >= 0; index--) {
      const without = [...instructionsOf(best.dockerfile)];
      without.splice(index, 1);
      if (await tryOut({...best, dockerfile: without.join('')})) smaller = true;
    }
    for (const path of Object.keys(best.context ?? {})) {
      const rest = Object.entries(best.context ?? {}).filter(([other]) => other !== path);
      if (await tryOut({...best, context: Object.fromEntries(rest)})) smaller = true;
    }
    for (const name of Object.keys(best.buildArgs ?? {})) {
      const rest = Object.entries(best.buildArgs ?? {}).filter(([other]) => other !== name);
      if (await tryOut({...best, buildArgs: Object.fromEntries(rest)})) smaller = true;
    }
  }
  return best;
}

/** The pieces of a Dockerfile that may be left out one by one: a here-document and a continued line are one piece. */
function instructionsOf(text: string): string[] {
  const pieces: string[] = [];
  let end: string | undefined;
  let open = false;
  for (const line of text.split(/(?<=\n)/)) {
    if (end !== undefined || open) pieces.push(`${pieces.pop() ?? ''}${line}`);
    else pieces.push(line);
    if (end !== undefined) {
      if (line.trim() === end) end = undefined;
      continue;
    }
    if (/<<-?['"]?EOF/.test(line)) end = 'EOF';
    open = /\\\r?\n$/.test(line) || (open && line.trimStart().startsWith('#'));
  }
  return pieces;
}
