import type {Command, Statement} from './ast.js';
import {parseDevice} from './device.js';
import {parseDuration} from './duration.js';
import type {Context} from './fail.js';
import {failure} from './fail.js';
import {readFlags, type FlagValues} from './flag-values.js';
import {parseMount} from './mount.js';

/** JSON form: its words. Shell form: one text, an empty one where nothing was written. */
export function commandOf(args: readonly string[], json: boolean): Command {
  return json ? {shell: false, argv: args} : {shell: true, argv: [args.join(' ')]};
}

export function run(context: Context): Statement {
  const {instruction} = context;
  const flags = readFlags(context, {mount: 'many', network: 'one', security: 'one', device: 'many'});
  const choice = (name: string, allowed: readonly string[]): string | undefined => {
    const value = flags.one(name);
    if (value === undefined || allowed.includes(value)) return value;
    throw failure(context, 'DOCKERFILE_FLAG', `RUN --${name} takes ${allowed.join(', ')}, not "${value}"`, {
      token: value === '' ? `--${name}` : value,
    });
  };
  const mounts = flags.many('mount').map((text) => {
    parseMount(text, {context});
    return {text};
  });
  const {args, json} = instruction;
  if (json && args.length === 0) {
    throw failure(context, 'DOCKERFILE_INSTRUCTION', 'RUN has no command', {remedy: 'For example: RUN make install'});
  }
  return {
    kind: 'run',
    instruction,
    command: commandOf(args, json),
    mounts,
    network: choice('network', ['default', 'none', 'host']),
    security: choice('security', ['sandbox', 'insecure']),
    devices: flags.many('device').map((text) => parseDevice(text, context)),
  };
}

/** Nanoseconds; 0 where the flag is not given, or given as 0: inherited. */
function interval(context: Context, flags: FlagValues, name: string): number {
  const text = flags.one(name);
  if (text === undefined || text === '') return 0;
  const value = parseDuration(text);
  const fail = (message: string) =>
    failure(context, 'DOCKERFILE_FLAG', message, {
      token: text,
      remedy: `For example: --${name}=30s or --${name}=1m30s`,
    });
  if (value === undefined) throw fail(`--${name} takes a duration, not "${text}"`);
  if (value !== 0 && value < 1e6) throw fail(`--${name} cannot be less than 1ms`);
  return value;
}

function retriesOf(context: Context, flags: FlagValues): number {
  const text = flags.one('retries');
  if (text === undefined || text === '') return 0;
  const value = Number(text);
  if (/^\+?\d+$/.test(text) && value <= 2 ** 31 - 1) return value;
  const message = /^-\d+$/.test(text)
    ? `--retries cannot be negative (${text})`
    : `--retries takes a whole number, not "${text}"`;
  throw failure(context, 'DOCKERFILE_FLAG', message, {token: text, remedy: 'For example: --retries=3'});
}

export function healthcheck(context: Context): Statement {
  const {instruction} = context;
  const {args, json} = instruction;
  const fail = (message: string, token?: string) =>
    failure(context, 'DOCKERFILE_INSTRUCTION', message, {
      token,
      remedy: 'Write HEALTHCHECK [--interval=30s …] CMD command, or HEALTHCHECK NONE.',
    });
  const [type, ...command] = args;
  if (type === undefined) throw fail('HEALTHCHECK requires at least one argument');
  const upper = type.toUpperCase();
  if (upper === 'NONE') {
    if (command.length > 0) throw fail('HEALTHCHECK NONE takes no arguments', command[0]);
    const none = {interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0};
    return {kind: 'healthcheck', instruction, test: undefined, ...none};
  }
  const flags = readFlags(context, {
    interval: 'one',
    timeout: 'one',
    'start-period': 'one',
    'start-interval': 'one',
    retries: 'one',
  });
  if (upper !== 'CMD') throw fail(`HEALTHCHECK takes CMD or NONE, not "${type}"`, type);
  if (command.length === 0) throw fail('HEALTHCHECK CMD lacks its command', type);
  return {
    kind: 'healthcheck',
    instruction,
    test: commandOf(command, json),
    interval: interval(context, flags, 'interval'),
    timeout: interval(context, flags, 'timeout'),
    startPeriod: interval(context, flags, 'start-period'),
    startInterval: interval(context, flags, 'start-interval'),
    retries: retriesOf(context, flags),
  };
}
