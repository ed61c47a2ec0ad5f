import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import type {Statement} from '../../engine/dockerfile/ast.js';
import {applyCheck, checkOptionsOf} from '../../engine/dockerfile/check-directive.js';
import {checkDockerfile} from '../../engine/dockerfile/checks.js';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {parseStatements} from '../../engine/dockerfile/statement.js';

export const dockerfileCases = 'test/fixtures/dockerfile';

export const caseNames = (): readonly string[] => readdirSync(dockerfileCases).sort();

/** The statement with the parts of its instruction that it does not hold itself. */
function typed({instruction, ...rest}: Statement): Record<string, unknown> {
  const {flags, args, json, original, range, heredocs, comments} = instruction;
  return {...rest, instruction: {flags, args, json, original, range, heredocs, comments}};
}

/** Everything the room says about a Dockerfile, as JSON text; for a wrong one the error as its reader sees it. */
export function dockerfileGolden(text: string): string {
  let golden: unknown;
  try {
    const dockerfile = parseDockerfile(text);
    const statements = parseStatements(dockerfile);
    const warnings = applyCheck(checkDockerfile(dockerfile, statements), checkOptionsOf(dockerfile));
    golden = {
      directives: dockerfile.directives,
      statements: statements.map(typed),
      warnings: warnings.map(({rule, message, line}) => ({line, rule, message})),
    };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    golden = {error: {code: error.code, range: error.range ?? null, text: formatError(error).split('\n')}};
  }
  return `${JSON.stringify(golden, null, 2)}\n`;
}

export const readCase = (name: string, file: string): string => readFileSync(join(dockerfileCases, name, file), 'utf8');
