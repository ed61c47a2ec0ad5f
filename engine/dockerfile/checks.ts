import type {Dockerfile, Statement, Warning} from './ast.js';
import {checkInstruction, checkStages} from './checks-instruction.js';
import {checkCasing, checkDescriptions, checkPlatforms, checkStageNames} from './checks-stage.js';
import {warning} from './rules.js';
import {scan} from './scan.js';

function* checkContinuations(text: string): Generator<Warning> {
  for (const {emptyLines} of scan(text).lines) {
    const line = emptyLines[0];
    if (line !== undefined) yield warning('NoEmptyContinuation', 'Empty continuation line', {start: line, end: line});
  }
}

/**
 * Every finding that needs no value of an ARG or ENV, by line; experimental rules included. `applyCheck` removes what the
 * file's directive skips.
 */
export function checkDockerfile(dockerfile: Dockerfile, statements: readonly Statement[]): readonly Warning[] {
  const stages = statements.filter((statement) => statement.kind === 'from');
  const described = statements.filter((statement) => statement.kind === 'from' || statement.kind === 'arg');
  const first = statements.findIndex(({kind}) => kind === 'from');
  const found = [
    ...checkStageNames(stages),
    ...checkContinuations(dockerfile.text),
    ...checkCasing(dockerfile.instructions),
    ...checkPlatforms(stages),
    ...checkDescriptions(described),
    ...checkStages(statements),
    ...statements.flatMap((statement, index) => [...checkInstruction(statement, first !== -1 && index > first)]),
  ];
  return found.sort((a, b) => a.line - b.line);
}
