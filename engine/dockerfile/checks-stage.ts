import type {Instruction, StatementOf, Warning} from './ast.js';
import {warning} from './rules.js';

const reserved = new Set(['context', 'scratch']);

type Casing = 'upper' | 'lower' | 'mixed';

/** The keyword as it is written. */
function writtenKeyword({original, keyword}: Instruction): string {
  return original.trimStart().slice(0, keyword.length);
}

function casingOf(word: string): Casing {
  if (word === word.toUpperCase()) return 'upper';
  return word === word.toLowerCase() ? 'lower' : 'mixed';
}

/** StageNameCasing, FromAsCasing, DuplicateStageName, ReservedStageName, in this order for each FROM. */
export function* checkStageNames(stages: readonly StatementOf<'from'>[]): Generator<Warning> {
  const names = new Set<string>();
  for (const {instruction, as: name} of stages) {
    const {range, args} = instruction;
    if (name === undefined) continue;
    const lower = name.toLowerCase();
    if (name !== lower) yield warning('StageNameCasing', `Stage name '${name}' should be lowercase`, range);
    const [from, as] = [writtenKeyword(instruction), args[1] ?? ''];
    const casings = [casingOf(from), casingOf(as)];
    if (casings[0] !== casings[1] && !casings.includes('mixed')) {
      yield warning('FromAsCasing', `'${as}' and '${from}' keywords' casing do not match`, range);
    }
    if (names.has(lower)) {
      yield warning('DuplicateStageName', `Duplicate stage name "${lower}", stage names should be unique`, range);
    }
    if (reserved.has(lower)) {
      const message = `Stage name should not use the same name as reserved stage "${lower}"`;
      yield warning('ReservedStageName', message, range);
    }
    names.add(lower);
  }
}

/** FromPlatformFlagConstDisallowed and RedundantTargetPlatform. */
export function* checkPlatforms(stages: readonly StatementOf<'from'>[]): Generator<Warning> {
  for (const {instruction, platform, as} of stages) {
    if (platform === undefined) continue;
    if (/^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform)) {
      const message = `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`;
      yield warning('RedundantTargetPlatform', message, instruction.range);
    }
    if (platform.includes('$') || !/^[\w.-]+(?:\/[\w.-]+){0,2}$/.test(platform)) continue;
    // A stage for one platform says so in its name.
    const parts = platform.toLowerCase().split('/').slice(0, 2);
    if (parts.some((part) => as?.toLowerCase().includes(part) === true)) continue;
    const message = `FROM --platform flag should not use constant value "${platform}"`;
    yield warning('FromPlatformFlagConstDisallowed', message, instruction.range);
  }
}

/** ConsistentInstructionCasing: the majority decides, upper case where they are equal. */
export function* checkCasing(instructions: readonly Instruction[]): Generator<Warning> {
  const written = instructions.map(writtenKeyword);
  const count = (casing: Casing) => written.filter((keyword) => casingOf(keyword) === casing).length;
  const expected = count('lower') > count('upper') ? 'lower' : 'upper';
  for (const [index, keyword] of written.entries()) {
    if (casingOf(keyword) === expected) continue;
    const message = `Command '${keyword}' should match the case of the command majority (${expected}case)`;
    yield warning('ConsistentInstructionCasing', message, instructions[index]?.range);
  }
}

/** InvalidDefinitionDescription: the last comment above a named stage or an ARG begins with its name. */
export function* checkDescriptions(
  statements: readonly (StatementOf<'from'> | StatementOf<'arg'>)[],
): Generator<Warning> {
  for (const statement of statements) {
    const {keyword, comments, range} = statement.instruction;
    const names =
      statement.kind === 'arg'
        ? statement.args.map(({name}) => name)
        : statement.as === undefined
          ? []
          : [statement.as.toLowerCase()];
    const last = comments.at(-1);
    if (last === undefined || names.length === 0 || names.includes(last.split(' ', 1)[0] ?? '')) continue;
    const shown = names.length === 1 ? (names[0] ?? '') : '<arg_key>';
    const message = `Comment for ${keyword} should follow the format: \`# ${shown} <description>\``;
    yield warning('InvalidDefinitionDescription', message, range);
  }
}
