import type {SourceRange} from '../base/errors.js';
import type {Dockerfile, StatementOf} from '../dockerfile/ast.js';
import {layoutOf} from './layout.js';
import type {EnvOverride} from './options.js';
import {envOverridesOf, plainKey} from './overrides.js';

/** `value` as a Dockerfile word that expands to exactly it. */
export function quoteWord(value: string, escape: '\\' | '`'): string {
  const special = escape === '\\' ? /["$\\]/g : /["$`]/g;
  return `"${value.replace(special, (found) => escape + found)}"`;
}

function rewritten(statement: StatementOf<'env'>, values: ReadonlyMap<string, string>, escape: '\\' | '`'): string {
  const pairs = statement.pairs.map(({key, value, legacy}) => {
    const name = plainKey(key, escape);
    const over = name === undefined ? undefined : values.get(name);
    return over === undefined && legacy
      ? `${key} ${value}`
      : `${key}=${over === undefined ? value : quoteWord(over, escape)}`;
  });
  return `ENV ${pairs.join(' ')}`;
}

/** `lines[range]` replaced by one line and empty ones, so that every other line keeps its number. */
function replaceLines(lines: string[], range: SourceRange, text: string): void {
  for (let line = range.start; line <= range.end; line++) {
    const end = lines[line - 1]?.endsWith('\r') === true ? '\r' : '';
    lines[line - 1] = (line === range.start ? text : '') + end;
  }
}

/**
 * The Dockerfile as a daemon gets it: `--env` values in the place of what ENV declares, every line number kept. Without
 * overrides it is the text itself. Throws BuildError BUILD_ARG_INVALID as `resolveStages`.
 */
export function effectiveText(dockerfile: Dockerfile, overrides: readonly EnvOverride[]): string {
  if (overrides.length === 0) return dockerfile.text;
  const layout = layoutOf(dockerfile);
  const {escape} = dockerfile.directives;
  const byStage = envOverridesOf(layout, overrides);
  const lines = dockerfile.text.split('\n');
  for (const {index, statements} of layout.stages) {
    const values = byStage.get(index);
    if (values === undefined) continue;
    for (const statement of statements) {
      if (statement.kind !== 'env') continue;
      const touched = statement.pairs.some(({key}) => values.has(plainKey(key, escape) ?? '\0'));
      if (touched) replaceLines(lines, statement.instruction.range, rewritten(statement, values, escape));
    }
  }
  return lines.join('\n');
}
