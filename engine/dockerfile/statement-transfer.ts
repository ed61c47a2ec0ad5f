import type {FileTransfer, Statement} from './ast.js';
import type {Context} from './fail.js';
import {failure} from './fail.js';
import {readFlags, type FlagValues} from './flag-values.js';
import {parseHeredocWord} from './heredoc.js';

const common = {chown: 'one', chmod: 'one', link: 'switch', exclude: 'many'} as const;

function transfer(context: Context, flags: FlagValues): FileTransfer {
  const {keyword, args, json} = context.instruction;
  const destination = args.at(-1);
  if (destination === undefined || args.length < 2) {
    throw failure(
      context,
      'DOCKERFILE_INSTRUCTION',
      `${keyword} takes at least one source and a destination${args.length === 1 ? ', but only one path is given' : ''}`,
      {token: args[0], remedy: `For example: ${keyword} src/ /app/`},
    );
  }
  if (!json && parseHeredocWord(destination) !== undefined) {
    throw failure(context, 'DOCKERFILE_INSTRUCTION', `${keyword} cannot take a here-document as its destination`, {
      token: destination,
      remedy: `Name the file it becomes: ${keyword} ${destination} /path/to/file`,
    });
  }
  return {
    sources: args.slice(0, -1),
    destination,
    // An empty name is none: the build context.
    from: flags.one('from') || undefined,
    chown: flags.one('chown'),
    chmod: flags.one('chmod'),
    link: flags.switch('link') ?? false,
    parents: flags.switch('parents') ?? false,
    excludes: flags.many('exclude'),
  };
}

export function copy(context: Context): Statement {
  const flags = readFlags(context, {from: 'one', parents: 'switch', ...common});
  return {kind: 'copy', instruction: context.instruction, ...transfer(context, flags)};
}

export function add(context: Context): Statement {
  const flags = readFlags(context, {...common, checksum: 'one', 'keep-git-dir': 'switch', unpack: 'switch'});
  return {
    kind: 'add',
    instruction: context.instruction,
    ...transfer(context, flags),
    checksum: flags.one('checksum'),
    keepGitDir: flags.switch('keep-git-dir') ?? false,
    unpack: flags.switch('unpack'),
  };
}
