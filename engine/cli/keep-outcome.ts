import {existsSync, statSync} from 'node:fs';
import {basename, dirname, resolve} from 'node:path';
import {discoverable} from '../compose/discover.js';
import {fingerprint, type Looked, lookedEntries, lookedRoot} from '../context/fingerprint.js';
import {isGitUrl} from '../context/source/git-url.js';
import {defaults} from '../job/dockerfile-source.js';
import type {JobResult} from '../job/run.js';
import {fullReference} from '../oci/reference.js';
import type {Plan} from '../plan/plan.js';
import {secretValues} from '../plan/secrets.js';
import type {BuildEventBody} from '../progress/events.js';
import {needsOf} from '../store/needs.js';
import {closeStore, openStore} from '../store/open.js';
import {writeOutcome} from '../store/outcomes.js';
import {type NewBuildRecord, projectKey} from '../store/build-record.js';
import type {BuildFlags} from './build-options.js';
import {daemonFiles} from './daemon-files.js';
import {environmentMap, homeOf} from './driver-choice.js';
import type {OpenedJob} from './open-job.js';
import {type KeptOutcome, outcomeKey, outcomeVersion} from './outcome-key.js';
import {policyFiles} from './revision-labels.js';
import type {Terminal} from './terminal.js';

/** More would take longer to look at than a build without it. */
const mostEntries = 50_000;
/** Milliseconds after which a file's times tell a later write apart. */
const settledMs = 2000;

export interface EndedCached {
  /** When the command began: milliseconds since the epoch. */
  readonly began: number;
  readonly root: string;
  /** The argument of the command. */
  readonly path: string | undefined;
  readonly flags: BuildFlags;
  readonly terminal: Terminal;
  readonly job: OpenedJob;
  readonly plan: Plan;
  readonly result: JobResult;
  readonly record: NewBuildRecord;
  readonly mode: string;
  readonly events: readonly BuildEventBody[];
  readonly answer: string;
}

/**
 * Keeps the outcome of a build that found everything cached, for `replay`, where nothing but what `replay` looks at again
 * decides it. That it cannot be kept is no error.
 */
export async function keepOutcome(ended: EndedCached): Promise<void> {
  const {began, root, terminal, plan, result, record, mode, events, answer, flags} = ended;
  try {
    const key = outcomeKey(terminal);
    if (key === undefined || !isPlain(ended) || record.facts === null) return;
    const looked = await lookedAt(ended);
    const found = looked === undefined ? undefined : fingerprint(looked, began - settledMs);
    if (looked === undefined || found === undefined) return;
    const store = openStore(root, new AbortController().signal);
    try {
      const references = [...plan.graph.images, ...result.built.tags];
      const needs = needsOf(store, {
        keys: record.steps.flatMap(({cacheKey}) => (cacheKey === null ? [] : `sha256:${cacheKey}`)),
        references: references.map(fullReference),
        diffIds: result.built.layers.map(({diffId}) => diffId ?? ''),
        facts: record.facts,
      });
      if (needs === undefined) return;
      const outcome: KeptOutcome = {
        version: outcomeVersion,
        looked,
        said: found.said,
        newest: found.newest,
        needs,
        mode,
        events,
        answer,
        json: flags.json === true,
        record,
        project: projectKey(record),
      };
      writeOutcome(store, key, outcome);
    } finally {
      closeStore(store);
    }
  } catch {
    // The next build takes the long way, as this one did.
  }
}

/** Whether the build read nothing but a directory and the store, wrote nothing but a tag and artifacts, and hides nothing. */
function isPlain({flags, terminal, job, plan, result}: EndedCached): boolean {
  const {settings, context, compose} = job;
  const {environment} = terminal;
  const files = [
    flags.iidfile,
    flags.metadataFile,
    flags.summary,
    flags.timeout,
    flags.stepTimeout,
    flags.buildArgFile,
  ];
  const variables = Object.entries(environment).filter(([, value]) => (value ?? '') !== '');
  const named = variables.some(([name]) => name.startsWith('COMPOSE_') || name === 'GITHUB_STEP_SUMMARY');
  return (
    result.built.driver === 'embedded' &&
    result.built.steps.length > 0 &&
    result.built.steps.every(({cached}) => cached) &&
    files.every((file) => file === undefined) &&
    !named &&
    flags.deliver !== true &&
    (compose === undefined || compose.missingEnvFiles.length === 0) &&
    context.kind === 'directory' &&
    (settings.dockerfile.kind === 'default' || settings.dockerfile.kind === 'path') &&
    [settings.secrets, settings.ssh, settings.contexts].every(({size}) => size === 0) &&
    [settings.outputs, settings.cacheFrom, settings.cacheTo, settings.noCacheFilter].every(
      ({length}) => length === 0,
    ) &&
    !settings.noCache &&
    !settings.pull &&
    secretValues(plan.graph).length === 0 &&
    !plan.graph.stages.some(({steps}) => steps.some(({operation}) => fetches(operation)))
  );
}

function fetches(operation: Plan['graph']['stages'][number]['steps'][number]['operation']): boolean {
  return operation.kind === 'add' && operation.sources.some((source) => isGitUrl(source) || /^\w+:\/\//.test(source));
}

/** Undefined where it is too much, or a daemon may answer next time although no file changes. */
async function lookedAt({flags, path, terminal, job, result}: EndedCached): Promise<Looked | undefined> {
  const {settings, context} = job;
  const directory = resolve(settings.directory, settings.context);
  const {dockerfile} = settings;
  // It may take labels from the repository, which is not looked at.
  if (policyFiles(directory).some((file) => existsSync(file))) return undefined;
  const named =
    dockerfile.kind === 'path'
      ? [resolve(settings.directory, dockerfile.path)]
      : defaults.map((name) => resolve(directory, name));
  // What is read as a stream gives its text once.
  if (dockerfile.kind === 'path' && !statSync(named[0] ?? '').isFile()) return undefined;
  const daemon = flags.driver === 'embedded' ? [] : await noDaemonFiles(terminal);
  if (daemon === undefined) return undefined;
  const entries = lookedEntries(lookedRoot(context.root), context.rules, mostEntries);
  if (entries === undefined) return undefined;
  const place = resolve(terminal.directory, path ?? '.');
  const found = discoverable(place);
  // Files of which no service is built say what else they read to nobody.
  const passed = job.compose === undefined && flags.compose !== false && flags.file === undefined;
  if (passed && found.some((file) => /compose/.test(basename(file)) && existsSync(file))) return undefined;
  const discovered = [...found, ...(job.compose?.looked ?? [])];
  const artifacts = resolve(settings.directory, settings.artifactsDirectory);
  return {
    root: lookedRoot(context.root),
    entries,
    files: [
      ...[...discovered, ...policyFiles(directory), resolve(directory, '.dockerignore')],
      ...named.flatMap((path) => [dirname(path), path, `${path}.dockerignore`]),
      ...result.artifacts.map(({path}) => resolve(settings.directory, path)),
      ...daemon,
    ],
    listed: settings.wantArtifacts ? [artifacts] : [],
  };
}

/** What decides that there is no daemon; undefined where only a try tells. */
async function noDaemonFiles(terminal: Terminal): Promise<readonly string[] | undefined> {
  const {resolveEndpoints} = await import('../drivers/docker/endpoint.js');
  const {sockets, configuration} = daemonFiles(terminal);
  if (sockets.some((path) => existsSync(path))) return undefined;
  const environment = environmentMap(terminal.environment);
  const home = homeOf(terminal.environment);
  const endpoints = await resolveEndpoints(environment, home, new AbortController().signal);
  return endpoints.some(({from}) => from !== 'default') ? undefined : [...sockets, configuration];
}
