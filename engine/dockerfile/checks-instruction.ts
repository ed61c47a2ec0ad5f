import type {Statement, StatementOf, Warning} from './ast.js';
import {warning} from './rules.js';
import {credentialIn, isSecretName} from './secret-names.js';

const once = new Set(['cmd', 'entrypoint', 'healthcheck']);

/** What a stage takes over from the stage it is based on. */
interface StageState {
  shell: boolean;
  workdir: boolean;
}

/**
 * Checks that look at one stage after the other: JSONArgsRecommended, WorkdirRelativePath, MultipleInstructionsDisallowed.
 * A SHELL, and an absolute WORKDIR, of the stage that a stage is based on count for it.
 */
export function* checkStages(statements: readonly Statement[]): Generator<Warning> {
  const named = new Map<string, StageState>();
  let state: StageState = {shell: false, workdir: false};
  let seen = new Map<string, Statement>();
  for (const statement of statements) {
    const {kind, instruction} = statement;
    const {range, keyword} = instruction;
    if (kind === 'from') {
      state = {...(named.get(statement.image.toLowerCase()) ?? {shell: false, workdir: false})};
      if (statement.as !== undefined) named.set(statement.as.toLowerCase(), state);
      seen = new Map();
    }
    if (kind === 'shell') state.shell = true;
    if ((kind === 'cmd' || kind === 'entrypoint') && statement.command.shell && !state.shell) {
      const message = `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`;
      yield warning('JSONArgsRecommended', message, range);
    }
    if (kind === 'workdir') {
      yield* checkWorkdir(statement, state);
      state.workdir = true;
    }
    if (once.has(kind)) {
      const before = seen.get(kind);
      // The one that is not used is the earlier.
      if (before !== undefined) {
        const message = `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`;
        yield warning('MultipleInstructionsDisallowed', message, before.instruction.range);
      }
      seen.set(kind, statement);
    }
  }
}

function* checkWorkdir({path, instruction}: StatementOf<'workdir'>, state: StageState): Generator<Warning> {
  const plain = path.replace(/^(["'])(.*)\1$/s, '$2');
  // What a variable stands for is not known here, and `$HOME/x` is absolute also where HOME is not set.
  if (state.workdir || plain.startsWith('$') || /^(?:[A-Za-z]:)?[\\/]/.test(plain)) return;
  const message = `Relative workdir "${plain}" can have unexpected results if the base image changes`;
  yield warning('WorkdirRelativePath', message, instruction.range);
}

/** MaintainerDeprecated, LegacyKeyValueFormat, ExposeProtoCasing, ExposeInvalidFormat, SecretsUsedInArgOrEnv, SecretInArg, InvalidTrigger. */
export function* checkInstruction(statement: Statement, inStage: boolean): Generator<Warning> {
  const {range, keyword} = statement.instruction;
  switch (statement.kind) {
    case 'maintainer':
      yield warning('MaintainerDeprecated', 'Maintainer instruction is deprecated in favor of using label', range);
      return;
    case 'label':
    case 'env':
      if (statement.pairs.some(({legacy}) => legacy)) {
        const message = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`;
        yield warning('LegacyKeyValueFormat', message, range);
      }
      yield* checkSecrets(
        statement,
        statement.pairs.map(({key, value}) => [key, value]),
        statement.kind === 'env',
      );
      return;
    case 'arg':
      yield* checkSecrets(
        statement,
        statement.args.map((arg) => [arg.name, arg.default ?? '']),
        inStage,
      );
      return;
    case 'expose':
      yield* checkPorts(statement);
      return;
    case 'onbuild': {
      const {problem} = statement;
      if (problem !== undefined) {
        yield warning('InvalidTrigger', `no image can be built on this one: ${problem.message}`, range);
      }
      return;
    }
    default:
  }
}

/**
 * BuildKit's rule goes by the name, of ENV and of ARG in a stage (`byName`). SecretInArg adds what that passes over: a
 * secret's name before the first FROM, and a credential under a name that does not say so. Values are never shown.
 */
function* checkSecrets(
  {kind, instruction}: Statement,
  pairs: readonly (readonly [name: string, value: string])[],
  byName: boolean,
): Generator<Warning> {
  const {range, keyword} = instruction;
  for (const [name, value] of pairs) {
    const credential = credentialIn(value);
    const secretName = kind !== 'label' && isSecretName(name);
    if (secretName && byName) {
      const message = `Do not use ARG or ENV instructions for sensitive data (${keyword} "${name}")`;
      yield warning('SecretsUsedInArgOrEnv', message, range);
    } else if (secretName || credential !== undefined) {
      const what = credential === undefined ? 'is named like a secret' : `holds ${credential}`;
      const message = `${keyword} "${name}" ${what}, and stays readable in the image's history: use RUN --mount=type=secret`;
      yield warning('SecretInArg', message, range);
    }
  }
}

function* checkPorts({ports, instruction}: StatementOf<'expose'>): Generator<Warning> {
  const {range} = instruction;
  for (const port of ports.map((word) => word.replace(/^(["'])(.*)\1$/s, '$2'))) {
    const [address = '', protocol = ''] = port.split('/', 2);
    if (!protocol.includes('$') && protocol !== protocol.toLowerCase()) {
      const message = `Defined protocol '${port}' in EXPOSE instruction should be lowercase`;
      yield warning('ExposeProtoCasing', message, range);
    }
    // `${PORT:-80}` holds a colon of its own.
    if (!address.includes('$') && address.includes(':')) {
      const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
      yield warning('ExposeInvalidFormat', message, range);
    }
  }
}
