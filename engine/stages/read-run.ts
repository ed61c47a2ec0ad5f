import type {StatementOf} from '../dockerfile/ast.js';
import {runScript} from '../dockerfile/heredoc.js';
import {parseMount} from '../dockerfile/mount.js';
import {failAt, within} from './fail.js';
import type {Mount, Source} from './graph.js';
import {commandLine} from './image-config.js';
import {cleanPath, resolvePath} from './paths.js';
import {markUsed, type Scope} from './scope.js';
import {words, workdirOf, type Read, type Reader} from './state.js';
import {asWritten, shownBodies} from './step-text.js';

type Run = StatementOf<'run'>;

/** ARGs that the text of a command names: a shell reads them from its environment, nothing expands them before. */
function markMentioned(scope: Scope, text: string): void {
  const mentioned = new Set(text.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? []);
  for (const name of scope.declarations.keys()) if (mentioned.has(name)) markUsed(scope, name);
}

function readMounts(reader: Reader, statement: Run): readonly Mount[] {
  const {instruction, mounts} = statement;
  const {range} = instruction;
  const expand = words(reader, range);
  const context = {instruction, dockerfile: reader.dockerfile};
  const workdir = workdirOf(reader.state.config);
  return mounts.map(({text}): Mount => {
    const options = within(reader.dockerfile, range, () =>
      parseMount(text, {context, expand: (value) => expand.one(value)}),
    );
    const target = options.target === undefined ? undefined : resolvePath(workdir, options.target);
    if (target === '/') {
      throw failAt(reader.dockerfile, range, '--mount target is the root directory', {
        code: 'DOCKERFILE_FLAG',
        token: text,
        remedy: 'Mount on a directory or file below it.',
      });
    }
    return {
      ...options,
      target,
      from: mountSource(reader, statement, options),
      source: cleanPath(options.source),
      // Cache mounts without an id share by their target.
      id: options.id ?? (options.type === 'cache' ? target : undefined),
    };
  });
}

function mountSource(
  reader: Reader,
  statement: Run,
  {type, from}: {readonly type: Mount['type']; readonly from: string | undefined},
): Source | undefined {
  if (type !== 'bind' && type !== 'cache') return undefined;
  if (from === undefined) return type === 'bind' ? {kind: 'main-context'} : {kind: 'scratch'};
  return reader.source({what: 'RUN --mount from', name: from, range: statement.instruction.range});
}

/** RUN: mounts expanded and their sources found; the command itself belongs to the shell and stays as it is. */
export function readRun(reader: Reader, statement: Run): Read {
  const {instruction, command} = statement;
  const {config, scope} = reader.state;
  const mounts = readMounts(reader, statement);
  const written = command.argv.join(' ');
  const found = command.shell ? runScript(written, instruction.heredocs) : undefined;
  const script = found?.kind === 'file' ? {name: found.name, content: found.content} : undefined;
  const text = found === undefined ? written : found.kind === 'file' ? `/dev/pipes/${found.name}` : found.text;
  markMentioned(scope, script === undefined ? text : script.content);
  const reads = mounts.flatMap(({from}) => (from === undefined || from.kind === 'main-context' ? [] : [from]));
  const network = statement.network ?? 'default';
  const security = statement.security ?? 'sandbox';
  if (network !== 'default' && network !== 'none' && network !== 'host') {
    throw failAt(reader.dockerfile, instruction.range, `RUN --network takes default, none or host, not "${network}"`, {
      code: 'DOCKERFILE_FLAG',
      token: network,
    });
  }
  if (security !== 'sandbox' && security !== 'insecure') {
    throw failAt(reader.dockerfile, instruction.range, `RUN --security takes sandbox or insecure, not "${security}"`, {
      code: 'DOCKERFILE_FLAG',
      token: security,
    });
  }
  return {
    operation: {
      kind: 'run',
      argv: command.shell ? commandLine(config, {shell: true, argv: [text]}) : command.argv,
      command: text,
      shellForm: command.shell,
      script,
      mounts,
      network,
      security,
      devices: statement.devices,
    },
    text: asWritten(instruction) + shownBodies(instruction.heredocs),
    reads: reads.filter((source) => source.kind !== 'scratch'),
    createdBy: undefined,
  };
}
