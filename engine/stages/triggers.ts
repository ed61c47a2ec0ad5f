import type {Dockerfile, Statement} from '../dockerfile/ast.js';
import {parseDockerfile} from '../dockerfile/parse.js';
import {parseStatement} from '../dockerfile/statement.js';
import type {ImageConfig} from '../oci/config.js';
import {failAt} from './fail.js';
import type {StageBase} from './graph.js';
import type {StageText} from './layout.js';

/** An instruction of a stage, and whether it is its base's ONBUILD trigger. */
export interface StageStatement {
  readonly statement: Statement;
  readonly trigger: boolean;
}

/** The trigger, placed at the FROM that sets it off. */
function triggerOf(dockerfile: Dockerfile, stage: StageText, text: string): Statement {
  const {instructions} = parseDockerfile(text, {file: dockerfile.file});
  const [instruction, more] = instructions;
  if (instruction === undefined || more !== undefined) {
    throw failAt(dockerfile, stage.range, `an ONBUILD trigger of the base image is not one instruction: ${text}`);
  }
  // As the Dockerfile reference has it for ONBUILD itself, which refuses them there.
  if (['FROM', 'ONBUILD', 'MAINTAINER'].includes(instruction.keyword)) {
    throw failAt(
      dockerfile,
      stage.range,
      `an ONBUILD trigger of the base image is ${instruction.keyword}, which no trigger may be`,
    );
  }
  return parseStatement({...instruction, range: stage.range}, dockerfile);
}

/**
 * What a stage runs: the ONBUILD triggers of its base, then its own instructions (Dockerfile reference: "ONBUILD"). Triggers
 * run in the child stage only, and are not handed on.
 */
export function statementsOf(
  dockerfile: Dockerfile,
  stages: readonly StageText[],
  stage: StageText,
  base: StageBase,
  config: ImageConfig | undefined,
): readonly StageStatement[] {
  const own = stage.statements.map((statement) => ({statement, trigger: false}));
  const triggers =
    base.kind === 'stage'
      ? (stages[base.index]?.statements ?? []).flatMap((statement) =>
          statement.kind === 'onbuild' ? [parseStatement({...statement.trigger, range: stage.range}, dockerfile)] : [],
        )
      : (config?.config?.OnBuild ?? []).map((text) => triggerOf(dockerfile, stage, text));
  return [...triggers.map((statement) => ({statement, trigger: true})), ...own];
}
