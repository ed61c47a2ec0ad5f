import type {BuildContext} from '../../engine/context/context.js';
import {directoryContext} from '../../engine/context/directory-context.js';
import {parseIgnore} from '../../engine/context/ignore/ignore.js';
import type {BuildRequest} from '../../engine/drivers/driver.js';
import type {Plan} from '../../engine/plan/plan.js';
import type {BuildEventBody, EventSink} from '../../engine/progress/events.js';
import {hostPlatform} from '../../engine/oci/platform.js';

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
  const stages = [...text.matchAll(/^FROM +(\S+)(?: +AS +(\S+))?/gim)].map((match, index) => ({
    index,
    name: match[2]?.toLowerCase(),
    base: {kind: 'image', reference: match[1] ?? ''} as const,
    platform: hostPlatform(),
    line: text.slice(0, match.index).split('\n').length,
    reachable: true,
    steps: [],
    env: new Map(),
    workdir: '/',
    user: '',
    config: {},
    needs: [],
  }));
  return {
    dockerfile: {
      file: 'Dockerfile',
      text,
      directives: {syntax: undefined, escape: '\\', check: undefined},
      instructions: stages.map(({line}) => ({
        keyword: 'FROM',
        flags: [],
        args: [],
        json: false,
        original: '',
        range: {start: line, end: line},
        heredocs: [],
        comments: [],
      })),
    },
    effectiveText: text,
    graph: {stages, target: target ?? stages.length - 1, platform: hostPlatform(), images: [], args: [], warnings: []},
    artifacts: [],
    warnings: [],
  };
}
