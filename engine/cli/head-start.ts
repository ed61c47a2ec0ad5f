import {existsSync} from 'node:fs';
import {type EarlyExecutor, startEarly} from '../drivers/embedded/early-executor.js';
import {daemonFiles} from './daemon-files.js';
import {flagIn} from './flag-in.js';
import type {Terminal} from './terminal.js';
import {isRootless} from '../drivers/embedded/rootless.js';

/** Arguments with which `build` builds nothing. */
const idle = new Set(['--check', '--help', '-h']);

/**
 * The executor of a build that is not answered from what is kept, started before the modules of a build are loaded and it is known
 * what it builds. Undefined where a daemon may have to build, or nobody.
 */
export function headStart(argv: readonly string[], terminal: Terminal): EarlyExecutor | undefined {
  if (argv.some((argument) => idle.has(argument))) return undefined;
  const driver = flagIn(argv, '--driver') ?? 'auto';
  const embedded = driver === 'embedded' || (driver === 'auto' && !mayHaveDaemon(terminal));
  return embedded ? startEarly(isRootless(terminal.uid)) : undefined;
}

/** Without asking anybody: a daemon is named, or there is something that may name one or that one may listen at. */
function mayHaveDaemon(terminal: Terminal): boolean {
  if (['DOCKER_HOST', 'DOCKER_CONTEXT'].some((name) => (terminal.environment[name] ?? '') !== '')) return true;
  const {sockets, configuration} = daemonFiles(terminal);
  return [...sockets, configuration].some((path) => existsSync(path));
}
