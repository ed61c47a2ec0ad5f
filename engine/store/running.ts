import {closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {namesIn, randomName, unlinkIfThere} from './files.js';
import {formatOwner, lifeOf, parseOwner, thisOwner} from './owner.js';
import {makeRoom} from './rooms.js';

/** What a build that runs tells others, such as a page that follows it. */
export interface RunningHeader {
  readonly title: string;
  readonly dockerfile: string;
  /** Steps that the plan has. */
  readonly steps: readonly RunningPlanStep[];
}

export interface RunningPlanStep {
  readonly id: string;
  readonly name: string;
  readonly stage: string;
  readonly line: number;
  readonly inputs: readonly string[];
}

export interface RunningStep extends RunningPlanStep {
  readonly running: boolean;
  readonly cached: boolean;
  readonly failed: boolean;
  /** Seconds after the build's start. */
  readonly start: number;
  readonly seconds: number;
}

export interface RunningBuild {
  readonly title: string;
  readonly dockerfile: string;
  readonly planned: number;
  /** Since its start. */
  readonly seconds: number;
  readonly steps: readonly RunningStep[];
}

/** What happened to a step: it started, ended, was cached, failed. */
export type RunningChange = 'start' | 'done' | 'cached' | 'failed';

export interface RunningLog {
  step(id: string, change: RunningChange): void;
  /** The build has ended: nobody needs it any more. */
  close(): void;
}

const mostBytes = 16 * 1024 * 1024;
const fileName = /^([\d.a-f]+)-[0-9a-f]{8}\.jsonl$/;

/** A file below `<root>/running` as long as the build lasts. A build never fails for it: what cannot be written is not. */
export function openRunning(root: string, header: RunningHeader, now: () => number): RunningLog {
  const path = join(root, 'running', `${formatOwner(thisOwner())}-${randomName()}.jsonl`);
  let descriptor: number | undefined;
  try {
    alive(makeRoom(root, 'running'));
    descriptor = openSync(path, 'wx', 0o600);
    writeSync(descriptor, `${JSON.stringify({...header, at: now()})}\n`);
  } catch {
    // A store that cannot be written to is told by what needs it.
  }
  return {
    step(id, change) {
      if (descriptor === undefined) return;
      try {
        writeSync(descriptor, `${JSON.stringify([now(), change, id])}\n`);
      } catch {
        // As above.
      }
    },
    close() {
      if (descriptor === undefined) return;
      closeSync(descriptor);
      descriptor = undefined;
      try {
        unlinkSync(path);
      } catch {
        // Removed by somebody else.
      }
    },
  };
}

/** The build that started last of those that run; files of processes that are gone are removed. */
export function newestRunning(root: string, now = Date.now()): RunningBuild | undefined {
  const found = alive(join(root, 'running'))
    .map((path) => ({path, born: statSync(path, {throwIfNoEntry: false})?.birthtimeMs ?? 0}))
    .sort((a, b) => b.born - a.born);
  for (const {path} of found) {
    const build = read(path, now);
    if (build !== undefined) return build;
  }
  return undefined;
}

/** Files of processes that run, or that cannot be looked up; the others are removed: those were killed. */
function alive(directory: string): readonly string[] {
  const paths: string[] = [];
  for (const name of namesIn(directory)) {
    const owner = parseOwner(fileName.exec(name)?.[1] ?? '');
    if (owner === undefined) continue;
    const path = join(directory, name);
    if (lifeOf(owner) === 'dead') unlinkIfThere(path);
    else paths.push(path);
  }
  return paths;
}

function read(path: string, now: number): RunningBuild | undefined {
  try {
    if ((statSync(path, {throwIfNoEntry: false})?.size ?? mostBytes) >= mostBytes) return undefined;
    const [first = '', ...lines] = readFileSync(path, 'utf8').split('\n');
    const header = JSON.parse(first) as RunningHeader & {readonly at: number};
    const steps = new Map<string, RunningStep>();
    const known = new Map(header.steps.map((step) => [step.id, step]));
    for (const line of lines) {
      if (line === '') continue;
      const [at, change, id] = JSON.parse(line) as [number, RunningChange, string];
      const plan = known.get(id);
      if (plan === undefined) continue;
      const start = steps.get(id)?.start ?? (at - header.at) / 1000;
      const seconds = (at - header.at) / 1000 - start;
      const state = {running: change === 'start', cached: change === 'cached', failed: change === 'failed'};
      steps.set(id, {...plan, ...state, start, seconds});
    }
    const {title, dockerfile} = header;
    return {title, dockerfile, planned: known.size, seconds: (now - header.at) / 1000, steps: [...steps.values()]};
  } catch {
    // Being written, or gone.
    return undefined;
  }
}
