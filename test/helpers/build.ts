import type {BuildContext} from '../../engine/context/context.js';
import {directoryContext} from '../../engine/context/directory-context.js';
import {parseIgnore} from '../../engine/context/ignore/ignore.js';
import type {BuildRequest} from '../../engine/drivers/driver.js';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import type {Plan} from '../../engine/plan/plan.js';
import {planBuild} from '../../engine/plan/plan-build.js';
import type {BuildEventBody, EventSink} from '../../engine/progress/events.js';

export function contextOf(root: string, ignore = ''): BuildContext {
  return directoryContext({
    name: '.',
    root,
    rules: parseIgnore(ignore),
    ignoreFile: ignore === '' ? undefined : '.dockerignore',
  });
}

export function requestOf(context: BuildContext, more: Partial<BuildRequest> = {}): BuildRequest {
  return {
    context,
    contexts: new Map(),
    tags: [],
    labels: {},
    buildArgs: new Map(),
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
    credentials: () => Promise.resolve(undefined),
    keepStages: [],
    ...more,
  };
}

export interface Collected extends EventSink {
  readonly events: BuildEventBody[];
  /** Everything that steps printed. */
  log(): string;
}

export function collectEvents(): Collected {
  const events: BuildEventBody[] = [];
  return {
    events,
    emit: (event) => void events.push(event),
    log: () => events.map((event) => (event.type === 'step-log' ? event.text : '')).join(''),
  };
}

export function planOf(text: string, target?: number): Plan {
  return planBuild(parseDockerfile(text), {target: target === undefined ? undefined : String(target)});
}
