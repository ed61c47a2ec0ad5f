import type {SourceRange} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {Dockerfile, Statement, StatementOf} from '../dockerfile/ast.js';
import {parseStatements} from '../dockerfile/statement.js';
import {failAt} from './fail.js';
import type {StageName} from './sources.js';

/** One stage as it is written: FROM and what follows it. */
export interface StageText extends StageName {
  readonly from: StatementOf<'from'>;
  readonly statements: readonly Statement[];
  readonly label: string;
  readonly range: SourceRange;
}

export interface Layout {
  readonly dockerfile: Dockerfile;
  /** ARGs before the first FROM. */
  readonly globals: readonly StatementOf<'arg'>[];
  readonly stages: readonly StageText[];
}

/** The Dockerfile's statements by stage. Throws BuildError as `parseStatements`. */
export function layoutOf(dockerfile: Dockerfile): Layout {
  const globals: StatementOf<'arg'>[] = [];
  const groups: {from: StatementOf<'from'>; statements: Statement[]}[] = [];
  for (const statement of parseStatements(dockerfile)) {
    const group = groups.at(-1);
    if (statement.kind === 'from') groups.push({from: statement, statements: []});
    else if (group !== undefined) group.statements.push(statement);
    else if (statement.kind === 'arg') globals.push(statement);
  }
  const names = groups.map(({from}) => from.as?.toLowerCase());
  const stages = groups.map(({from, statements}, index): StageText => {
    const name = names[index];
    const {range} = from.instruction;
    const label = name === undefined || names.lastIndexOf(name) !== index ? String(index) : name;
    return {index, name, label, line: range.start, range, from, statements};
  });
  return {dockerfile, globals, stages};
}

/** The stage that a user names, by name (any case) or index. */
export function findStage<S extends StageName>(stages: readonly S[], name: string): S | undefined {
  const byName = stages.findLast((stage) => stage.name === name.toLowerCase());
  return byName ?? (/^\d+$/.test(name) ? stages[Number(name)] : undefined);
}

/** The target stage, by name as with BuildKit, which knows no index here: the last one where none is asked for. Throws DOCKERFILE_STAGE, with the nearest name. */
export function targetOf({dockerfile, stages}: Layout, target: string | undefined): StageText {
  const found =
    target === undefined || target === '' ? stages.at(-1) : stages.findLast(({name}) => name === target.toLowerCase());
  if (found !== undefined) return found;
  const names = stages.flatMap(({name}) => name ?? []);
  throw failAt(
    dockerfile,
    stages.at(-1)?.range ?? {start: 1, end: 1},
    `there is no target stage "${target ?? ''}"${didYouMean(target ?? '', names)}`,
    {
      remedy:
        names.length > 0 ? `The stages are ${names.join(', ')}.` : 'No stage has a name: give it one, FROM … AS NAME.',
    },
  );
}
