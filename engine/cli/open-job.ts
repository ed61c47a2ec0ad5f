import {resolve} from 'node:path';
import {stat} from 'node:fs/promises';
import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {createMissingEnvFiles} from '../compose/create-env-files.js';
import type {ComposeBuild} from '../compose/compose-build.js';
import {loadCompose} from '../compose/load-compose.js';
import {shown} from '../job/dockerfile-source.js';
import {prepareJob, type PreparedJob} from '../job/prepare.js';
import type {BuildFlags} from './build-options.js';
import {environmentMap} from './driver-choice.js';
import {jobSettings} from './settings.js';
import type {Terminal} from './terminal.js';

const commands = [
  ...['build', 'plan', 'check', 'context', 'deliver', 'base', 'experiment', 'diff', 'report'],
  ...['images', 'tag', 'rmi', 'load', 'save', 'history', 'explain', 'advise', 'shell', 'du', 'prune'],
];

export interface OpenedJob extends PreparedJob {
  readonly compose: ComposeBuild | undefined;
  /** To be said to the user: files created, variables not set. */
  readonly notes: readonly string[];
}

/**
 * Everything in front of the build: Compose, flags, contexts, Dockerfile, plan. `create` also creates the env files that
 * are missing and have a default beside them, as the service needs them to start.
 */
export async function openJob(
  path: string | undefined,
  flags: BuildFlags,
  terminal: Terminal,
  signal: AbortSignal,
  create = false,
): Promise<OpenedJob> {
  const compose = await composeOf(path, flags, terminal, signal);
  const notes: string[] = [];
  if (compose !== undefined) {
    notes.push(
      `settings of service ${compose.service} in ${compose.files.map((file) => shown(file, terminal.directory)).join(', ')}`,
    );
    for (const {message, file, line} of compose.warnings) {
      notes.push(`${file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}: `}${message}`);
    }
    if (create) {
      for (const made of await createMissingEnvFiles(compose, signal)) {
        notes.push(`created ${shown(made.path, terminal.directory)} from ${shown(made.from, terminal.directory)}`);
      }
    }
  }
  const asked = await jobSettings(path, flags, compose, terminal, signal);
  const settings = flags.deliver === true ? (await import('./deliver-built.js')).deliverableSettings(asked) : asked;
  // Opened where it is read.
  const stdin = {[Symbol.asyncIterator]: () => (terminal.stdin as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()};
  const prepared = await prepareJob(settings, stdin, signal).catch((error: unknown) => {
    throw meantCommand(path, error) ?? error;
  });
  return {...prepared, compose, notes};
}

/** A misspelt command is taken for a context that does not exist. */
function meantCommand(path: string | undefined, error: unknown): BuildError | undefined {
  if (path === undefined || !(error instanceof BuildError) || error.code !== 'CONTEXT_NOT_FOUND') return undefined;
  const hint = didYouMean(path, commands);
  if (hint === '') return undefined;
  return new BuildError('USAGE', `there is neither a command nor a build context ${quote(path)}${hint}`, {
    remedy: 'build-image --help lists the commands. A build context is a directory, "-" or a Git or tarball URL.',
    cause: error,
  });
}

/** The Compose service; undefined where the context is no directory, `--file` is given, or there is no such file. */
export async function composeOf(
  path: string | undefined,
  flags: Pick<BuildFlags, 'compose' | 'service' | 'file'>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ComposeBuild | undefined> {
  const files = flags.compose === false ? undefined : flags.compose;
  if (flags.compose === false) return undefined;
  if (files === undefined && flags.service === undefined && flags.file !== undefined) return undefined;
  const directory = resolve(terminal.directory, path ?? '.');
  const isDirectory = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDirectory) return undefined;
  return loadCompose(
    {
      directory,
      environment: environmentMap(terminal.environment),
      ...(files !== undefined && {files: files.map((file) => resolve(terminal.directory, file))}),
      ...(flags.service !== undefined && {service: flags.service}),
    },
    signal,
  );
}
