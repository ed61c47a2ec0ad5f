import {BuildError} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {Dockerfile, Instruction, KeyValue, Statement} from './ast.js';
import {takeApart} from './arguments.js';
import {commandOf, healthcheck, run} from './statement-command.js';
import {add, copy} from './statement-transfer.js';
import type {Context} from './fail.js';
import {failure} from './fail.js';
import {readFlags} from './flag-values.js';

const keywords = [
  ...['FROM', 'RUN', 'COPY', 'ADD', 'ENV', 'ARG', 'CMD', 'ENTRYPOINT', 'WORKDIR', 'USER', 'EXPOSE', 'LABEL'],
  ...['VOLUME', 'HEALTHCHECK', 'SHELL', 'STOPSIGNAL', 'ONBUILD', 'MAINTAINER'],
];

const fail = (context: Context, message: string, token?: string, remedy?: string): BuildError =>
  failure(context, 'DOCKERFILE_INSTRUCTION', message, {token, remedy});

/** The one argument of WORKDIR, USER, … */
function onlyArgument(context: Context, example: string): string {
  const {keyword, args} = context.instruction;
  const [argument] = args;
  if (argument === undefined || args.length !== 1) {
    throw fail(context, `${keyword} requires exactly one argument`, undefined, `For example: ${keyword} ${example}`);
  }
  return argument;
}

function someArguments(context: Context, example: string): readonly string[] {
  const {keyword, args} = context.instruction;
  if (args.length > 0) return args;
  throw fail(context, `${keyword} requires at least one argument`, undefined, `For example: ${keyword} ${example}`);
}

function from(context: Context): Statement {
  const {instruction} = context;
  const {args} = instruction;
  const flags = readFlags(context, {platform: 'one'});
  const [image = '', as, name] = args;
  const named = args.length === 3 && as?.toLowerCase() === 'as';
  if (args.length !== 1 && !named) {
    throw fail(
      context,
      args.length === 0 ? 'FROM names no image' : 'FROM takes an image, or an image, AS and a stage name',
      args.length === 0 ? undefined : (args[1] ?? ''),
      'For example: FROM debian:bookworm AS builder',
    );
  }
  if (name !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(name.toLowerCase())) {
    throw fail(
      context,
      `invalid name for a build stage: "${name}"`,
      name,
      'A stage name starts with a letter and goes on with letters, digits, "-", "_" and ".".',
    );
  }
  return {kind: 'from', instruction, image, as: name, platform: flags.one('platform')};
}

function pairs(context: Context): readonly KeyValue[] {
  const {keyword} = context.instruction;
  readFlags(context, {});
  const args = someArguments(context, 'NAME=value');
  const first = args[0] ?? '';
  const legacy = !first.includes('=');
  const found = legacy
    ? [{key: first, value: args[1] ?? '', legacy}]
    : args.map((word) => {
        const equals = word.indexOf('=');
        if (equals === -1) {
          throw fail(
            context,
            `${keyword} lacks "=" in ${JSON.stringify(word)}`,
            word,
            `Write name=value, and quote a value that holds spaces.`,
          );
        }
        return {key: word.slice(0, equals), value: word.slice(equals + 1), legacy};
      });
  if (found.some(({key}) => key === '')) throw fail(context, `${keyword} names can not be blank`, '=');
  return found;
}

function arg(context: Context): Statement {
  const {instruction} = context;
  readFlags(context, {});
  const args = someArguments(context, 'NAME=default').map((word) => {
    const equals = word.indexOf('=');
    if (equals === 0) throw fail(context, 'ARG names can not be blank', word);
    return equals === -1
      ? {name: word, default: undefined}
      : {name: word.slice(0, equals), default: word.slice(equals + 1)};
  });
  return {kind: 'arg', instruction, args};
}

function volume(context: Context): Statement {
  const {instruction} = context;
  readFlags(context, {});
  const paths = someArguments(context, '/data').map((path) => path.trim());
  if (paths.includes('')) throw fail(context, 'VOLUME takes no empty path');
  return {kind: 'volume', instruction, paths};
}

function shell(context: Context): Statement {
  const {instruction} = context;
  readFlags(context, {});
  const example = '["/bin/bash", "-c"]';
  if (instruction.json && instruction.args.length > 0) return {kind: 'shell', instruction, argv: instruction.args};
  someArguments(context, example);
  throw fail(
    context,
    'SHELL takes its arguments in the JSON form',
    instruction.args[0],
    `For example: SHELL ${example}`,
  );
}

const forbiddenTriggers: Readonly<Record<string, string>> = {
  ONBUILD: 'ONBUILD cannot be chained: ONBUILD ONBUILD is not allowed',
  FROM: 'FROM is not allowed as a trigger of ONBUILD',
  MAINTAINER: 'MAINTAINER is not allowed as a trigger of ONBUILD',
};

function onbuild(context: Context): Statement {
  const {instruction, dockerfile} = context;
  readFlags(context, {});
  const [keyword = ''] = someArguments(context, 'RUN make');
  const forbidden = Object.hasOwn(forbiddenTriggers, keyword) ? forbiddenTriggers[keyword] : undefined;
  if (forbidden !== undefined) throw fail(context, forbidden, keyword);
  const original = instruction.original.replace(/^\s*ONBUILD\s*/i, '');
  const trigger: Instruction = {
    ...instruction,
    ...takeApart(original, dockerfile?.directives.escape ?? '\\'),
    original,
    comments: [],
  };
  return {kind: 'onbuild', instruction, trigger, problem: problemOf(trigger, dockerfile)};
}

/** Throws for what no builder records: names without a value. */
function problemOf(trigger: Instruction, dockerfile: Context['dockerfile']): BuildError | undefined {
  try {
    parseStatement(trigger, dockerfile);
    return undefined;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const {keyword, args} = trigger;
    const blank = args.length === 0 || args.some((word) => word.startsWith('='));
    if ((keyword === 'ENV' || keyword === 'LABEL') && !blank) throw error;
    return error;
  }
}

/**
 * The typed form of one instruction; nothing is expanded. `dockerfile` gives errors their file, excerpt and columns, and
 * ONBUILD the escape character. Throws BuildError DOCKERFILE_INSTRUCTION or DOCKERFILE_FLAG.
 */
export function parseStatement(
  instruction: Instruction,
  dockerfile?: Pick<Dockerfile, 'file' | 'text' | 'directives'>,
): Statement {
  const context: Context = {instruction, dockerfile};
  const {keyword} = instruction;
  switch (keyword) {
    case 'FROM':
      return from(context);
    case 'ARG':
      return arg(context);
    case 'ENV':
      return {kind: 'env', instruction, pairs: pairs(context)};
    case 'LABEL':
      return {kind: 'label', instruction, pairs: pairs(context)};
    case 'RUN':
      return run(context);
    case 'COPY':
      return copy(context);
    case 'ADD':
      return add(context);
    case 'CMD':
      readFlags(context, {});
      return {kind: 'cmd', instruction, command: commandOf(instruction.args, instruction.json)};
    case 'ENTRYPOINT':
      readFlags(context, {});
      return {kind: 'entrypoint', instruction, command: commandOf(instruction.args, instruction.json)};
    case 'EXPOSE':
      readFlags(context, {});
      return {kind: 'expose', instruction, ports: someArguments(context, '8080/tcp')};
    case 'VOLUME':
      return volume(context);
    case 'USER':
      readFlags(context, {});
      return {kind: 'user', instruction, user: onlyArgument(context, 'nobody')};
    case 'WORKDIR':
      readFlags(context, {});
      return {kind: 'workdir', instruction, path: onlyArgument(context, '/app')};
    case 'STOPSIGNAL':
      readFlags(context, {});
      return {kind: 'stopsignal', instruction, signal: onlyArgument(context, 'SIGTERM')};
    case 'MAINTAINER':
      readFlags(context, {});
      return {kind: 'maintainer', instruction, name: onlyArgument(context, 'Ann <ann@example.org>')};
    case 'SHELL':
      return shell(context);
    case 'HEALTHCHECK':
      return healthcheck(context);
    case 'ONBUILD':
      return onbuild(context);
    default:
      throw fail(
        context,
        `unknown instruction ${keyword === '' ? 'before a continuation' : keyword}${didYouMean(keyword, keywords)}`,
        instruction.original.trimStart().slice(0, keyword.length),
        `The instructions are ${[...keywords].sort().join(', ')}.`,
      );
  }
}

function beforeFrom(context: Context): BuildError {
  const {keyword, original} = context.instruction;
  return failure(context, 'DOCKERFILE_STAGE', `${keyword} stands before the first FROM`, {
    token: original.trimStart().slice(0, keyword.length),
    remedy: 'Only ARG may stand before FROM; begin with a line such as FROM debian:bookworm.',
  });
}

/**
 * Every statement, in order. Throws BuildError DOCKERFILE_STAGE where an instruction other than ARG stands before the first
 * FROM, or where there is no FROM.
 */
export function parseStatements(dockerfile: Dockerfile): readonly Statement[] {
  const {file, text} = dockerfile;
  const first = dockerfile.instructions.findIndex(({keyword}) => keyword === 'FROM');
  const statements = dockerfile.instructions.map((instruction, index) => {
    const statement = parseStatement(instruction, dockerfile);
    if (first === -1 || index >= first || statement.kind === 'arg') return statement;
    throw beforeFrom({instruction, dockerfile});
  });
  const stray = first === -1 ? statements.find(({kind}) => kind !== 'arg') : undefined;
  if (stray !== undefined) throw beforeFrom({instruction: stray.instruction, dockerfile});
  if (first === -1) {
    throw new BuildError('DOCKERFILE_STAGE', 'the Dockerfile has no FROM, so there is no stage to build', {
      file,
      source: text,
      remedy: 'Begin a stage with a line such as FROM debian:bookworm.',
    });
  }
  return statements;
}
