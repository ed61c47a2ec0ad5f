import {posix} from 'node:path';
import type {Operation, StageStep} from '../../stages/graph.js';

/** Commands that leave alone what lies in the working directory. */
const installers = new Set(['apt-get', 'apt', 'apk', 'dnf', 'microdnf', 'yum', 'update-ca-certificates', 'true']);

/** Programs read what lies here without being told to: configuration, libraries, other programs. */
const system = /^\/(?:$|(?:etc|usr|lib\d*|bin|sbin|var|root)(?:\/|$))/;

/**
 * Whether a later step of a stage may depend on what a COPY put there, or on the COPY's place in front of it. What a
 * command reads is not known: it may be all of its working directory and all that it names, unless it only installs
 * packages. In doubt it depends.
 */
export function needsCopy(step: StageStep, copy: StageStep): boolean {
  const {operation} = copy;
  if (operation.kind !== 'copy' && operation.kind !== 'add') return true;
  const later = step.operation;
  const text = copy.statement.instruction.original;
  if (later.kind === 'config')
    return (step.statement.kind === 'env' || step.statement.kind === 'arg') && text.includes('$');
  const place = posix.resolve('/', operation.destination);
  if (later.kind === 'workdir') {
    // A relative destination would be another one below it.
    const {destination} = copy.statement as {destination?: string};
    return destination?.startsWith('/') !== true || touches(later.path, place);
  }
  if (later.kind !== 'run') return touches(posix.resolve('/', later.destination), place);
  return runNeeds(later, posix.resolve('/', step.config.WorkingDir ?? '/'), place, operation.sources);
}

/** One of two paths lies in the other. */
const touches = (a: string, b: string): boolean => isIn(a, b) || isIn(b, a);

const isIn = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);

function runNeeds(
  {command, script, mounts}: Extract<Operation, {kind: 'run'}>,
  workdir: string,
  place: string,
  sources: readonly string[],
): boolean {
  if (script !== undefined || mounts.some(({target}) => target !== undefined && touches(target, place))) return true;
  if (system.test(place)) return true;
  const names = [place, ...sources].map((path) => posix.basename(path)).filter((name) => name !== '' && name !== '.');
  if (names.some((name) => command.includes(name))) return true;
  if (/[`*?]|\$\(/.test(command)) return !installsOnly(command, place);
  return isIn(workdir, place) && !installsOnly(command, place);
}

function installsOnly(command: string, place: string): boolean {
  return command.split(/&&|;|\n/).every((part) => {
    const words = part
      .trim()
      .split(/\s+/)
      .filter((word) => !/^[A-Z_]+=\S*$/.test(word));
    const [name = ''] = words;
    if (name === '') return true;
    const paths = words.slice(1).filter((word) => word.includes('/') || word === '.');
    if (paths.some((path) => !path.startsWith('/') || touches(path, place))) return false;
    if (/[|<>`]|\$\(/.test(part)) return false;
    return (
      installers.has(name) || (name === 'rm' && paths.length > 0 && paths.every((path) => path.startsWith('/var/')))
    );
  });
}
