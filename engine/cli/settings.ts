import {resolve} from 'node:path';
import {BuildError} from '../base/errors.js';
import type {ComposeBuild} from '../compose/compose-build.js';
import type {CacheSpec, Output} from '../drivers/driver.js';
import type {BuildArgument, DockerfileSource, JobSettings, NamedContextSpec} from '../job/settings.js';
import {readBuildArgFile} from './build-arg-file.js';
import type {BuildFlags} from './build-options.js';
import {
  namedContextSpec,
  parseBuildArg,
  parseBuildContext,
  parseCacheSpec,
  parseCount,
  parseDuration,
  parseEnvOverride,
  parseHost,
  parseLabel,
  parseOutput,
  parseSecret,
  parseSize,
  parseSsh,
  parseUlimit,
} from './flag-values.js';
import {parseReference} from '../oci/reference.js';
import {labelsOf, networkOf, secretsOf, sshOf} from './compose-values.js';
import {revisionLabels} from './revision-labels.js';
import type {Terminal} from './terminal.js';

/**
 * Flags over the Compose service over defaults. Values that add up (arguments, labels, tags) are joined, a flag's going
 * over the service's; a value there is one of is the flag's where it is given.
 */
export async function jobSettings(
  path: string | undefined,
  flags: BuildFlags,
  compose: ComposeBuild | undefined,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<JobSettings> {
  const {directory, environment} = terminal;
  const secrets = (flags.secret ?? []).map((text) => parseSecret(text, directory, environment));
  const ssh = (flags.ssh ?? []).map((text) => parseSsh(text, directory, environment));
  const contexts = (flags.buildContext ?? []).map((text) => parseBuildContext(text, directory));
  return {
    directory,
    context: compose === undefined ? (path ?? '.') : contextOf(compose),
    dockerfile: dockerfileOf(flags, compose),
    target: flags.target ?? compose?.target,
    platform: flags.platform ?? onePlatform(compose),
    buildArgs: await buildArgs(flags, compose, terminal, signal),
    envOverrides: (flags.env ?? []).map(parseEnvOverride),
    contexts: new Map([...composeContexts(compose), ...contexts]),
    tags: tagsOf(compose, flags.tag ?? []),
    labels: {
      ...(await revisionLabels(path, terminal, signal)),
      ...labelsOf(compose),
      ...Object.fromEntries((flags.label ?? []).map(parseLabel)),
    },
    secrets: await opened(new Map([...secretsOf(compose), ...secrets]), signal),
    ssh: new Map([...sshOf(compose, environment), ...ssh]),
    extraHosts: [...(compose?.extraHosts ?? []), ...(flags.addHost ?? []).map(parseHost)],
    network: networkOf(flags.network, compose),
    noCache: !(flags.cache ?? true) || (compose?.noCache ?? false),
    noCacheFilter: flags.noCacheFilter ?? compose?.noCacheFilter ?? [],
    cacheFrom: caches('from', flags.cacheFrom, compose, directory),
    cacheTo: caches('to', flags.cacheTo, compose, directory),
    pull: flags.pull ?? compose?.pull ?? false,
    outputs: outputsOf(flags, directory),
    shmSize: flags.shmSize === undefined ? compose?.shmSize : parseSize(flags.shmSize, '--shm-size'),
    ulimits: [...(compose?.ulimits ?? []), ...(flags.ulimit ?? []).map(parseUlimit)],
    jobs: flags.jobs === undefined ? undefined : parseCount(flags.jobs, '--jobs'),
    stepTimeout: flags.stepTimeout === undefined ? undefined : parseDuration(flags.stepTimeout, '--step-timeout'),
    artifacts: flags.artifact ?? [],
    artifactsDirectory: flags.artifactsDir ?? 'artifacts',
    wantArtifacts: flags.artifacts ?? true,
  };
}

/** Most builds have none, and load nothing for them. */
async function opened(secrets: JobSettings['secrets'], signal: AbortSignal): Promise<JobSettings['secrets']> {
  return secrets.size === 0 ? secrets : (await import('./secret-input.js')).openSecrets(secrets, signal);
}

/** `--load` is a docker output without a destination. `--push` makes the image output one that is pushed, and is one where there is none. */
function outputsOf({output = [], load = false, push = false}: BuildFlags, directory: string): readonly Output[] {
  const outputs = output.map((text) => parseOutput(text, directory));
  const loaded = outputs.some(({type, dest}) => type === 'docker' && dest === undefined);
  if (load && !loaded) outputs.push({type: 'docker', dest: undefined, attributes: {}});
  if (!push) return outputs;
  const pushed = ({type, dest, attributes}: Output): Output => ({
    type,
    dest,
    attributes: {...attributes, push: 'true'},
  });
  const own = outputs.some(({type}) => type === 'image');
  return own
    ? outputs.map((each) => (each.type === 'image' ? pushed(each) : each))
    : [...outputs, pushed({type: 'image', dest: undefined, attributes: {}})];
}

/** Those of the service where no flag names one; its paths are relative to the project. */
function caches(
  direction: 'from' | 'to',
  given: readonly string[] | undefined,
  compose: ComposeBuild | undefined,
  directory: string,
): readonly CacheSpec[] {
  const own = direction === 'from' ? compose?.cacheFrom : compose?.cacheTo;
  const base = given === undefined ? (compose?.projectDirectory ?? directory) : directory;
  return (given ?? own ?? []).map((text) => parseCacheSpec(text, `--cache-${direction}`, base));
}

function contextOf({context}: ComposeBuild): string {
  return context.kind === 'url' ? context.url : context.path;
}

function dockerfileOf(flags: BuildFlags, compose: ComposeBuild | undefined): DockerfileSource {
  if (flags.file === '-') return {kind: 'stdin'};
  if (flags.file !== undefined) return {kind: 'path', path: flags.file};
  if (compose?.dockerfileInline !== undefined) {
    return {kind: 'inline', text: compose.dockerfileInline, file: `${compose.files[0] ?? ''} (dockerfile_inline)`};
  }
  if (compose === undefined) return {kind: 'default'};
  if (compose.context.kind === 'url') {
    return compose.dockerfile === undefined ? {kind: 'default'} : {kind: 'path', path: compose.dockerfile};
  }
  // Compose's default is the context's own Dockerfile, not ours.
  return {kind: 'path', path: resolve(compose.context.path, compose.dockerfile ?? 'Dockerfile')};
}

function onePlatform(compose: ComposeBuild | undefined): string | undefined {
  if ((compose?.platforms.length ?? 0) > 1) {
    throw new BuildError('UNSUPPORTED', `service ${compose?.service ?? ''} names several platforms`, {
      remedy: `Build one at a time: --platform ${compose?.platforms[0] ?? ''}.`,
    });
  }
  return compose?.platforms[0];
}

async function buildArgs(
  flags: BuildFlags,
  compose: ComposeBuild | undefined,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly BuildArgument[]> {
  const args: BuildArgument[] = (compose?.args ?? []).map(({name, value, origin}) => {
    const from = {
      compose: 'compose',
      default: 'compose',
      '.env': '.env',
      environment: 'build-arg-environment',
    } as const;
    return {name, value, origin: from[origin]};
  });
  for (const file of flags.buildArgFile ?? []) {
    args.push(...(await readBuildArgFile(file, terminal.directory, terminal.environment, signal)));
  }
  for (const text of flags.buildArg ?? []) {
    const arg = parseBuildArg(text, terminal.environment);
    if (arg !== undefined) args.push(arg);
  }
  return [...new Map(args.map((arg) => [arg.name, arg])).values()];
}

/** A name that is none is said before anything is built. Throws BuildError REFERENCE_INVALID. */
function tagsOf(compose: ComposeBuild | undefined, given: readonly string[]): readonly string[] {
  const tags = [...new Set([...composeTags(compose), ...given])];
  for (const tag of tags) parseReference(tag);
  return tags;
}

/** Names that the service gives its image, `image:` first. */
export function composeTags(compose: ComposeBuild | undefined): readonly string[] {
  if (compose === undefined) return [];
  // Compose names an image without `image:` after the project and the service.
  return [compose.image ?? `${compose.projectName}-${compose.service}`, ...compose.tags];
}

function composeContexts(compose: ComposeBuild | undefined): readonly [string, NamedContextSpec][] {
  return [...(compose?.additionalContexts ?? [])].map(([name, value]) => {
    if (value.startsWith('service:')) {
      throw new BuildError('UNSUPPORTED', `additional context ${name} is the image of another service (${value})`, {
        remedy: `Build that service first and name its image: --build-context ${name}=docker-image://IMAGE.`,
      });
    }
    return [name, namedContextSpec(value, compose?.projectDirectory ?? '.')];
  });
}
