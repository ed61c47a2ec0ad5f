import {constants} from 'node:os';
import type {KeyValue, StatementOf} from '../dockerfile/ast.js';
import {failAt, within} from './fail.js';
import {goQuoteList, healthCreatedBy} from './created-by.js';
import type {Binding} from './graph.js';
import {commandLine, healthConfig, withEnv, without, withKeys} from './image-config.js';
import {resolvePath} from './paths.js';
import {parsePorts} from '../dockerfile/ports.js';
import {declareArg, setEnv} from './scope.js';
import {configOnly, words, workdirOf, type Read, type Reader} from './state.js';
import {asWritten, shown, shownPairs, shownBodies} from './step-text.js';

type Pairs = readonly (readonly [name: string, value: string])[];

const plainPairs = (pairs: Pairs): string => pairs.map(([name, value]) => `${name}=${value}`).join(' ');

/** All pairs with the values from before the instruction. */
function expandPairs(
  reader: Reader,
  statement: {readonly pairs: readonly KeyValue[]},
  range: {start: number; end: number},
): Pairs {
  const expand = words(reader, range);
  return statement.pairs.map(({key, value}) => [expand.one(key), expand.one(value)] as const);
}

export function readEnv(reader: Reader, statement: StatementOf<'env'>): Read {
  const {range} = statement.instruction;
  const {state} = reader;
  const final = expandPairs(reader, statement, range).map(([name, value], index) => {
    // A computed name cannot be overridden: the text that a daemon gets could not say so.
    const computed = statement.pairs[index]?.key.includes('$') === true;
    const over = computed ? undefined : reader.overrides.get(name);
    const binding: Binding = {
      name,
      value: over ?? value,
      origin: over === undefined ? 'env' : 'env-override',
      line: range.start,
    };
    setEnv(state.scope, binding);
    state.env.set(name, binding);
    state.config = withEnv(state.config, name, over ?? value);
    return [name, over ?? value] as const;
  });
  return configOnly(`ENV ${shownPairs(final)}`, `ENV ${plainPairs(final)}`);
}

export function readArg(reader: Reader, statement: StatementOf<'arg'>): Read {
  const {range} = statement.instruction;
  const {scope} = reader.state;
  const plain: string[] = [];
  const texts = statement.args.map(({name, default: fallback}) => {
    // Each ARG of a line sees those before it on the same line.
    const expand = (): string => words(reader, range).one(fallback ?? '');
    const arg = {name, line: range.start, fallback: fallback === undefined ? undefined : expand};
    const {value} = declareArg(scope, arg, reader.sources);
    plain.push(value === undefined ? name : `${name}=${value}`);
    return value === undefined ? name : shownPairs([[name, value]]);
  });
  return configOnly(`ARG ${texts.join(' ')}`, `ARG ${plain.join(' ')}`);
}

export function readLabel(reader: Reader, statement: StatementOf<'label'>): Read {
  const pairs = expandPairs(reader, statement, statement.instruction.range);
  const {state} = reader;
  state.config = {...state.config, Labels: {...state.config.Labels, ...Object.fromEntries(pairs)}};
  return configOnly(`LABEL ${shownPairs(pairs)}`, `LABEL ${plainPairs(pairs)}`);
}

export function readWorkdir(reader: Reader, statement: StatementOf<'workdir'>): Read {
  const {state} = reader;
  const written = words(reader, statement.instruction.range).one(statement.path);
  const path = resolvePath(workdirOf(state.config), written);
  // BuildKit writes an absolute path into the config and the history as it stands.
  const kept = written.startsWith('/') ? written : path;
  state.config = {...state.config, WorkingDir: kept};
  return {
    // The root in another spelling makes a layer of nothing there.
    operation: {kind: 'workdir', path: path === '/' ? kept : path},
    text: `WORKDIR ${shown(written)}`,
    reads: [],
    createdBy: `WORKDIR ${kept}`,
  };
}

export function readExpose(reader: Reader, statement: StatementOf<'expose'>): Read {
  const {range} = statement.instruction;
  const {state} = reader;
  // BuildKit has no UndefinedVar for EXPOSE: an unset name exposes nothing.
  const expand = words({...reader, onUnset: () => undefined}, range);
  const given = statement.ports.flatMap((word) => expand.split(word));
  const ports = within(reader.dockerfile, range, () => given.flatMap(parsePorts));
  if (ports.length > 0) state.config = {...state.config, ExposedPorts: withKeys(state.config.ExposedPorts, ports)};
  return configOnly(['EXPOSE', ...given.map(shown)].join(' '), `EXPOSE [${ports.join(' ')}]`);
}

export function readVolume(reader: Reader, statement: StatementOf<'volume'>): Read {
  const {range} = statement.instruction;
  const {state} = reader;
  const expand = words(reader, range);
  const paths = statement.paths.map((word) => {
    const path = expand.one(word);
    if (path !== '') return path;
    throw failAt(reader.dockerfile, range, `VOLUME ${word} is empty`, {
      code: 'DOCKERFILE_INSTRUCTION',
      token: word,
      remedy: 'Give the variable a value, or write the path.',
    });
  });
  state.config = {...state.config, Volumes: withKeys(state.config.Volumes, paths)};
  return configOnly(`VOLUME ${paths.map(shown).join(' ')}`, `VOLUME [${paths.join(' ')}]`);
}

export function readUser(reader: Reader, statement: StatementOf<'user'>): Read {
  const {state} = reader;
  const user = words(reader, statement.instruction.range).one(statement.user);
  state.config = {...state.config, User: user};
  return configOnly(`USER ${shown(user)}`, `USER ${user}`);
}

function isSignal(name: string): boolean {
  // BuildKit takes any number but 0, whether the kernel knows it or not.
  if (/^[-+]?\d+$/.test(name)) return Number(name) !== 0;
  const full = name.toUpperCase().replace(/^(?!SIG)/, 'SIG');
  return (
    Object.hasOwn(constants.signals, full) ||
    full === 'SIGCLD' ||
    /^SIGRTM(?:IN(?:\+(?:[1-9]|1[0-5]))?|AX(?:-(?:[1-9]|1[0-4]))?)$/.test(full)
  );
}

export function readStopSignal(reader: Reader, statement: StatementOf<'stopsignal'>): Read {
  const {range} = statement.instruction;
  const {state} = reader;
  const signal = words(reader, range).one(statement.signal);
  if (!isSignal(signal)) {
    throw failAt(reader.dockerfile, range, `STOPSIGNAL takes a signal, not "${signal}"`, {
      code: 'DOCKERFILE_INSTRUCTION',
      token: statement.signal,
      remedy: 'Write a name such as SIGTERM, or its number.',
    });
  }
  state.config = {...state.config, StopSignal: signal};
  return configOnly(`STOPSIGNAL ${signal}`, `STOPSIGNAL ${signal}`);
}

export function readCmd(reader: Reader, statement: StatementOf<'cmd'>): Read {
  const {state} = reader;
  const command = commandLine(state.config, statement.command);
  state.config = {...state.config, Cmd: command, ArgsEscaped: true};
  state.cmdSet = true;
  return configOnly(asWritten(statement.instruction), `CMD ${goQuoteList(command)}`);
}

/** ENTRYPOINT drops the CMD of the base, not one that this stage gave before. */
export function readEntrypoint(reader: Reader, statement: StatementOf<'entrypoint'>): Read {
  const {state} = reader;
  const command = commandLine(state.config, statement.command);
  const config = {...state.config, Entrypoint: command};
  state.config = state.cmdSet ? config : without(config, 'Cmd');
  return configOnly(asWritten(statement.instruction), `ENTRYPOINT ${goQuoteList(command)}`);
}

export function readHealthcheck(reader: Reader, statement: StatementOf<'healthcheck'>): Read {
  const {state} = reader;
  const health = healthConfig(statement);
  state.config = {...state.config, Healthcheck: health};
  return configOnly(asWritten(statement.instruction), healthCreatedBy(health));
}

export function readShell(reader: Reader, statement: StatementOf<'shell'>): Read {
  const {state} = reader;
  state.config = {...state.config, Shell: statement.argv};
  return configOnly(asWritten(statement.instruction), `SHELL [${statement.argv.join(' ')}]`);
}

export function readOnbuild(reader: Reader, statement: StatementOf<'onbuild'>): Read {
  const {state} = reader;
  const {original, heredocs} = statement.trigger;
  const trigger = `${original}${shownBodies(heredocs)}`;
  state.config = {...state.config, OnBuild: [...(state.config.OnBuild ?? []), trigger]};
  return configOnly(asWritten(statement.instruction), undefined);
}

export function readMaintainer(reader: Reader, statement: StatementOf<'maintainer'>): Read {
  reader.state.author = statement.name;
  return configOnly(asWritten(statement.instruction), `MAINTAINER ${statement.name}`);
}
