import {parseHeredocWord} from '../dockerfile/heredoc.js';
import {parseMount} from '../dockerfile/mount.js';
import {within} from './fail.js';
import {type StageText} from './layout.js';
import {resolveSource, type NameTable} from './sources.js';
import type {StageStatement} from './triggers.js';

/**
 * Indexes of the stages that COPY --from and the mounts of a stage name. No name there may hold a variable, so this is
 * known before anything is expanded.
 */
export function staticReads(
  statements: readonly StageStatement[],
  stage: StageText,
  table: NameTable,
): readonly number[] {
  const indexes = new Set<number>();
  const look = (what: string, name: string, range: {start: number; end: number}): void => {
    const source = resolveSource(table, {what, name, range, stage: stage.index, strict: false});
    if (source.kind === 'stage') indexes.add(source.index);
  };
  for (const {statement} of statements) {
    const {range, keyword} = statement.instruction;
    if (statement.kind === 'copy' || statement.kind === 'add') {
      // Here-documents alone read from no stage, though --from may name one.
      const inline =
        !statement.instruction.json && statement.sources.every((word) => parseHeredocWord(word) !== undefined);
      if (statement.from !== undefined && !inline) look(`${keyword} --from`, statement.from, range);
    } else if (statement.kind === 'run') {
      for (const {text} of statement.mounts) {
        const {type, from} = within(table.dockerfile, range, () => parseMount(text));
        const reads = type === 'bind' || type === 'cache';
        if (reads && from !== undefined && !/^\d+$/.test(from)) look('RUN --mount from', from, range);
      }
    }
  }
  return [...indexes];
}
