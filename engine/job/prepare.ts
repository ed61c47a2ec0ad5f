import {stat} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {BuildError, hasErrno} from '../base/errors.js';
import type {BuildContext} from '../context/context.js';
import {leaveOut} from '../context/leave-out.js';
import {openContext, type OpenedContext} from '../context/open-context.js';
import type {Dockerfile} from '../dockerfile/ast.js';
import {parseSwitch} from '../dockerfile/mount.js';
import {parseDockerfile} from '../dockerfile/parse.js';
import type {NamedContext} from '../drivers/driver.js';
import type {ImageConfig} from '../oci/config.js';
import {hostPlatform, parsePlatform} from '../oci/platform.js';
import {planBuild, type PlanOptions} from '../plan/plan-build.js';
import type {Plan} from '../plan/plan.js';
import type {BuildArg} from '../stages/options.js';
import {
  dockerfileFromStdin,
  dockerfileInContext,
  locateDockerfile,
  readDockerfile,
  type DockerfileText,
} from './dockerfile-source.js';
import {ownArtifacts} from './own-artifacts.js';
import type {JobSettings} from './settings.js';

/** What a run starts from: everything is read, nothing is built. The caller closes it. */
export interface PreparedJob {
  readonly settings: JobSettings;
  readonly context: OpenedContext;
  readonly contexts: ReadonlyMap<string, NamedContext>;
  readonly dockerfile: Dockerfile;
  readonly plan: Plan;
  /** Plans again with what is known of base images. */
  planWith(baseConfigs: ReadonlyMap<string, ImageConfig>): Plan;
  /** Removes what was fetched. Idempotent. */
  close(): Promise<void>;
}

/** The build argument BUILDKIT_CONTEXT_KEEP_GIT_DIR (Dockerfile reference: "BuildKit built-in build args"). */
function keepsGit({buildArgs}: JobSettings): boolean {
  const given = buildArgs.findLast(({name}) => name === 'BUILDKIT_CONTEXT_KEEP_GIT_DIR');
  return parseSwitch(given?.value ?? '') ?? false;
}

/**
 * Opens the contexts, reads the Dockerfile and plans. Rejects with the BuildError of whatever is wrong; nothing that was
 * fetched stays then.
 */
export async function prepareJob(
  settings: JobSettings,
  stdin: AsyncIterable<Uint8Array> | undefined,
  signal: AbortSignal,
): Promise<PreparedJob> {
  if (settings.context === '-' && settings.dockerfile.kind === 'stdin') {
    throw new BuildError('USAGE', 'the context and the Dockerfile cannot both come from standard input');
  }
  const opened: BuildContext[] = [];
  const close = async (): Promise<void> => {
    for (const context of opened) await context.close();
  };
  try {
    const local = await localDirectory(settings);
    const path = await locateDockerfile(settings, local);
    const named = path ?? (settings.dockerfile.kind === 'path' ? settings.dockerfile.path : undefined);
    const whole = await openContext(
      local ?? settings.context,
      {
        ...(named !== undefined && {dockerfile: named}),
        ...(stdin !== undefined && {stdin}),
        keepGit: keepsGit(settings),
      },
      signal,
    );
    opened.push(whole);
    const source = await dockerfileText(settings, whole, path, stdin, signal);
    const dockerfile = parseDockerfile(source.text, {file: source.file});
    const own = local === undefined ? undefined : await ownArtifacts(settings, local, dockerfile);
    const context = own === undefined ? whole : leaveOut(whole, own);
    const contexts = await openNamedContexts(settings, opened, signal);
    const options = await planOptions(settings, context);
    const planWith = (baseConfigs: ReadonlyMap<string, ImageConfig>): Plan =>
      planBuild(dockerfile, {...options, baseConfigs});
    return {
      settings,
      context: {...context, name: settings.context},
      contexts,
      dockerfile,
      plan: planWith(new Map()),
      planWith,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The same job with other values, target, platform or named contexts: the context and the Dockerfile are shared, not read
 * again. `close` gives up what is this one's own; the first job is to be closed after it.
 */
export async function withSettings(job: PreparedJob, settings: JobSettings, signal: AbortSignal): Promise<PreparedJob> {
  const {context, dockerfile} = job;
  const opened: BuildContext[] = [];
  const close = async (): Promise<void> => {
    for (const each of opened) await each.close();
  };
  try {
    const contexts = await openNamedContexts(settings, opened, signal);
    const options = await planOptions(settings, context);
    const planWith = (baseConfigs: ReadonlyMap<string, ImageConfig>): Plan =>
      planBuild(dockerfile, {...options, baseConfigs});
    return {settings, context, contexts, dockerfile, plan: planWith(new Map()), planWith, close};
  } catch (error) {
    await close();
    throw error;
  }
}

/** Absolute path of the context where it is a directory of this machine. */
async function localDirectory({context, directory}: JobSettings): Promise<string | undefined> {
  if (context === '-') return undefined;
  const path = resolve(directory, context);
  try {
    return (await stat(path)).isDirectory() ? path : undefined;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function dockerfileText(
  settings: JobSettings,
  context: OpenedContext,
  path: string | undefined,
  stdin: AsyncIterable<Uint8Array> | undefined,
  signal: AbortSignal,
): Promise<DockerfileText> {
  const {dockerfile, directory} = settings;
  if (dockerfile.kind === 'stdin') return dockerfileFromStdin(stdin);
  if (dockerfile.kind === 'inline') return {file: dockerfile.file, text: dockerfile.text, path: undefined};
  if (context.dockerfileText !== undefined) {
    return {
      file: context.name === '-' ? '(standard input)' : context.name,
      text: context.dockerfileText,
      path: undefined,
    };
  }
  if (path !== undefined) return readDockerfile(path, directory, signal);
  return dockerfileInContext(context, dockerfile.kind === 'path' ? dockerfile.path : undefined, signal);
}

async function openNamedContexts(
  settings: JobSettings,
  opened: BuildContext[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, NamedContext>> {
  const contexts = new Map<string, NamedContext>();
  for (const [name, spec] of settings.contexts) {
    if (spec.kind === 'directory') {
      const context = await openContext(spec.path, {}, signal);
      opened.push(context);
      contexts.set(name, {kind: 'directory', context});
    } else {
      contexts.set(name, spec);
    }
  }
  return contexts;
}

async function planOptions(settings: JobSettings, context: OpenedContext): Promise<PlanOptions> {
  const hasGit = await stat(join(context.root, '.git')).then(
    () => true,
    () => false,
  );
  return {
    buildArgs: new Map(settings.buildArgs.map(({name, value, origin}): [string, BuildArg] => [name, {value, origin}])),
    envOverrides: settings.envOverrides,
    target: settings.target,
    platform: settings.platform === undefined ? hostPlatform() : parsePlatform(settings.platform),
    buildPlatform: hostPlatform(),
    namedContexts: new Set(settings.contexts.keys()),
    labels: settings.labels,
    contextFacts: {ignores: (path) => context.rules.ignores(path), patterns: context.ignorePatterns, hasGit},
  };
}
