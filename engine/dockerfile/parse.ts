import {BuildError} from '../base/errors.js';
import type {Dockerfile, Instruction} from './ast.js';
import {takeApart} from './arguments.js';
import {scan} from './scan.js';
import {parseStatement} from './statement.js';

export interface ParseOptions {
  /** The name that errors give the file. Default `Dockerfile`. */
  readonly file?: string;
}

/**
 * Dockerfile text -> instructions, every one of them valid by itself. What the instructions are together (a FROM first, at
 * least one) `parseStatements` checks. Throws BuildError with the file's text, the range and the columns of the mistake.
 */
export function parseDockerfile(text: string, options: ParseOptions = {}): Dockerfile {
  const file = options.file ?? 'Dockerfile';
  try {
    const {directives, lines} = scan(text);
    if (lines.length === 0) {
      throw new BuildError('DOCKERFILE_EMPTY', 'the Dockerfile holds no instruction', {
        remedy: 'A Dockerfile needs at least a FROM.',
      });
    }
    const instructions = lines.map(({text: original, range, heredocs, comments}): Instruction => {
      try {
        return {...takeApart(original, directives.escape), original, range, heredocs, comments};
      } catch (error) {
        throw error instanceof BuildError ? error.with({range}) : error;
      }
    });
    const dockerfile = {file, text, directives, instructions};
    for (const instruction of instructions) parseStatement(instruction, dockerfile);
    return dockerfile;
  } catch (error) {
    throw error instanceof BuildError ? error.with({file, source: text}) : error;
  }
}
