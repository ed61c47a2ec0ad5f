import type {BuildRequest, Driver} from '../drivers/driver.js';
import type {EventSink} from '../progress/events.js';
import {completePlan} from './complete-plan.js';
import {prepareJob} from './prepare.js';
import {runJob, type JobResult} from './run.js';
import type {JobSettings} from './settings.js';

/** What `build` needs beside the settings. */
export interface BuildOptions {
  readonly driver: Driver;
  readonly events?: EventSink;
  /** Default: no credentials. */
  readonly credentials?: BuildRequest['credentials'];
  /** Read where the context or the Dockerfile is `-`. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** What the command line takes where nothing is said. */
export const defaultSettings: JobSettings = {
  directory: '/',
  context: '.',
  dockerfile: {kind: 'default'},
  target: undefined,
  platform: undefined,
  buildArgs: [],
  envOverrides: [],
  contexts: new Map(),
  tags: [],
  labels: {},
  secrets: new Map(),
  ssh: new Map(),
  extraHosts: [],
  network: 'default',
  noCache: false,
  noCacheFilter: [],
  cacheFrom: [],
  cacheTo: [],
  pull: false,
  outputs: [],
  shmSize: undefined,
  ulimits: [],
  jobs: undefined,
  stepTimeout: undefined,
  artifacts: [],
  artifactsDirectory: 'artifacts',
  wantArtifacts: true,
};

/**
 * The main job as a function: opens the context, plans, builds, takes the artifacts out. What `settings` leaves out has
 * the default of the command line. Rejects with BuildError, or the signal's reason.
 */
export async function build(
  settings: Partial<JobSettings> & Pick<JobSettings, 'directory'>,
  options: BuildOptions,
): Promise<JobResult> {
  const {driver, stdin, signal = new AbortController().signal} = options;
  const events = options.events ?? {emit: () => undefined};
  const credentials = options.credentials ?? (() => Promise.resolve(undefined));
  const job = await prepareJob({...defaultSettings, ...settings}, stdin, signal);
  try {
    const plan = await completePlan(job, driver, credentials, events, signal);
    return await runJob(job, plan, {driver, credentials, events, now: () => performance.now()}, signal);
  } finally {
    await job.close();
  }
}
