import {StringDecoder} from 'node:string_decoder';
import type {Plan} from '../../plan/plan.js';
import type {EventSink} from '../../progress/events.js';
import type {StepOutcome} from '../driver.js';
import {type Place, placesOf} from './vertex-places.js';
import type {StatusResponse} from './wire/messages.js';

type Vertex = StatusResponse['vertexes'][number];
type Time = Vertex['started'];

interface StepState {
  readonly digest: string;
  readonly name: string;
  readonly place: Place | undefined;
  /** The solve that reported it first: another one that shares the step reports it too. */
  readonly solve: number;
  running: bigint | undefined;
  /** By the local clock, ms. */
  since: number;
  /** Nanoseconds of ended runs: a step can run, wait for another, and run again. */
  spent: bigint;
  ended: bigint | undefined;
  cached: boolean;
  /** Layers came from a registry. */
  fetched: boolean;
  error: string;
  /** It runs again, and nobody was told: what BuildKit does twice in no time is no news. */
  silent: boolean;
  readonly decoders: Map<bigint, StringDecoder>;
}

/** A step of the Dockerfile that is being worked on. */
export interface RunningStep {
  readonly name: string;
  readonly place: Place;
  /** Milliseconds since it started. */
  readonly elapsed: number;
}

/** Turns BuildKit's status stream into events, and remembers what became of each step. */
export interface Trace {
  /** `solve` tells the builds apart that share steps. */
  update(status: StatusResponse, solve: number): void;
  /** Steps of the Dockerfile in the order they were first seen. */
  outcomes(): readonly StepOutcome[];
  /** Steps that failed, the one that failed of itself first. */
  failures(): readonly {readonly name: string; readonly place: Place | undefined; readonly error: string}[];
  running(): readonly RunningStep[];
}

const stdout = 1n;
// Milliseconds after which a step that runs once more is worth a line.
const noticeable = 500;

export function createTrace(plan: Plan, events: EventSink): Trace {
  const steps = new Map<string, StepState>();
  const placeOf = placesOf(plan);
  const seen = new Set<string>();

  const stepOf = (vertex: Vertex, solve: number): StepState | undefined => {
    const known = steps.get(vertex.digest);
    if (known !== undefined) return known.solve === solve ? known : undefined;
    const place = placeOf(vertex.name);
    // What a second solve loads and exports is no news; what it builds is.
    if (solve > 0 && place === undefined && vertex.error === '') return undefined;
    const step: StepState = {
      digest: vertex.digest,
      name: vertex.name,
      place,
      solve,
      running: undefined,
      since: 0,
      spent: 0n,
      ended: undefined,
      cached: false,
      fetched: false,
      error: '',
      silent: false,
      decoders: new Map(),
    };
    steps.set(vertex.digest, step);
    return step;
  };

  const announce = (step: StepState): void => {
    const {digest, name, place} = step;
    step.silent = false;
    events.emit({
      type: 'step-started',
      step: digest,
      name,
      ...(place !== undefined && {stage: place.stage}),
      ...(place?.line !== undefined && {line: place.line}),
      ...planStep(place),
    });
  };

  const updateVertex = (vertex: Vertex, solve: number): void => {
    const step = stepOf(vertex, solve);
    if (step === undefined) return;
    const {digest, name, place} = step;
    if (vertex.cached) {
      if (!step.cached) events.emit({type: 'step-cached', step: digest, name, ...planStep(place)});
      step.cached = true;
      step.running = undefined;
      return;
    }
    const started = nanoseconds(vertex.started);
    const completed = nanoseconds(vertex.completed);
    if (started !== undefined && step.running === undefined && (step.ended === undefined || started > step.ended)) {
      step.running = started;
      step.since = performance.now();
      step.silent = step.ended !== undefined && (place === undefined || step.cached);
      if (!step.silent) announce(step);
    }
    if (completed !== undefined && step.running !== undefined && completed >= step.running) {
      step.spent += completed - step.running;
      step.running = undefined;
      step.ended = completed;
      step.error = vertex.error;
      if (step.silent && vertex.error === '') return;
      // A base that the daemon already had: older ones do not call that cached.
      if (/^\[[^\]]*\] FROM /.test(name) && !step.fetched && vertex.error === '') {
        step.cached = true;
        events.emit({type: 'step-cached', step: digest, name, ...planStep(place)});
        return;
      }
      const seconds = Number(step.spent) / 1e9;
      events.emit({type: 'step-done', step: digest, seconds, ...(vertex.error !== '' && {error: vertex.error})});
    }
  };

  return {
    update(status, solve) {
      for (const vertex of status.vertexes) updateVertex(vertex, solve);
      for (const {vertex, id, name, current, total} of status.statuses) {
        const step = steps.get(vertex);
        if (step?.solve !== solve) continue;
        step.fetched ||= id.startsWith('sha256:');
        if (current === 0n && total === 0n) continue;
        if (step.silent) {
          if (step.running === undefined || performance.now() - step.since < noticeable) continue;
          announce(step);
        }
        const label = name === '' || name === id ? id : id.startsWith('sha256:') ? `${id} ${name}` : name;
        events.emit({type: 'step-progress', step: vertex, label, current: Number(current), total: Number(total)});
      }
      for (const {vertex, stream, msg} of status.logs) {
        const step = steps.get(vertex);
        if (step?.solve !== solve) continue;
        const text = decoderOf(step, stream).write(Buffer.from(msg));
        if (text !== '') {
          events.emit({type: 'step-log', step: vertex, stream: stream === stdout ? 'stdout' : 'stderr', text});
        }
      }
      for (const warning of status.warnings) {
        const event = warningEvent(warning);
        const key = JSON.stringify(event);
        // Each solve of the same Dockerfile warns again, and the plan's own checks may have.
        if (seen.has(key) || isPlanned(plan, event)) continue;
        seen.add(key);
        events.emit(event);
      }
    },
    outcomes() {
      return [...steps.values()].flatMap(({digest, name, place, cached, spent}) =>
        place === undefined
          ? []
          : [{step: digest, name, stage: place.stage, line: place.line, cached, seconds: Number(spent) / 1e9}],
      );
    },
    failures() {
      const failed = [...steps.values()].filter((step) => step.error !== '');
      return failed.sort((a, b) => Number(isCancelled(a.error)) - Number(isCancelled(b.error)));
    },
    running() {
      const now = performance.now();
      return [...steps.values()].flatMap(({name, place, running, since}) =>
        running === undefined || place === undefined ? [] : [{name, place, elapsed: now - since}],
      );
    },
  };
}

const planStep = (place: Place | undefined) => (place?.id === undefined ? {} : {planStep: place.id});

// Steps beside the one that failed end as cancelled, in the words of Go's context package.
function isCancelled(error: string): boolean {
  return /context canceled|Canceled/.test(error);
}

function decoderOf(step: StepState, stream: bigint): StringDecoder {
  const known = step.decoders.get(stream);
  if (known !== undefined) return known;
  const decoder = new StringDecoder('utf8');
  step.decoders.set(stream, decoder);
  return decoder;
}

function nanoseconds(time: Time): bigint | undefined {
  return time === undefined ? undefined : time.seconds * 1_000_000_000n + BigInt(time.nanos);
}

interface WarningEvent {
  readonly type: 'warning';
  readonly rule?: string;
  readonly line?: number;
  readonly message: string;
}

/** A build check comes as `Rule: text (line 3)`. */
function warningEvent(warning: StatusResponse['warnings'][number]): WarningEvent {
  const short = Buffer.from(warning.short).toString();
  const [, rule, message] = /^([A-Z][A-Za-z]+): (.*?)(?: \(line \d+\))?$/s.exec(short) ?? [];
  const line = warning.ranges[0]?.start?.line;
  return {
    type: 'warning',
    ...(rule !== undefined && {rule}),
    ...(line !== undefined && line > 0 && {line}),
    message: message ?? short,
  };
}

function isPlanned(plan: Plan, event: WarningEvent): boolean {
  return plan.warnings.some((warning) => warning.rule === event.rule && warning.line === event.line);
}
