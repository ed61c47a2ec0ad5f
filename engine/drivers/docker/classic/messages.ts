import type {Instruction} from '../../../dockerfile/ast.js';
import type {Plan} from '../../../plan/plan.js';
import type {EventSink} from '../../../progress/events.js';
import type {StepOutcome} from '../../driver.js';

/** A failure as the classic builder reports it, in a line of a response that has status 200. */
export interface ClassicFailure {
  readonly message: string;
  /** Exit code of a RUN, where it was one. */
  readonly exitCode: number | undefined;
}

/** Reads the classic builder's messages. */
export interface ClassicLog {
  take(message: Readonly<Record<string, unknown>>): void;
  end(): void;
  /** Step under way or last. */
  current(): {readonly name: string; readonly instruction: Instruction | undefined} | undefined;
  /** Milliseconds that the current step has been running; undefined where none is. */
  elapsed(): number | undefined;
  readonly failure: ClassicFailure | undefined;
  /** Image at the end of each stage, in order. */
  readonly images: readonly string[];
  readonly outcomes: readonly StepOutcome[];
}

interface Step {
  readonly id: string;
  readonly name: string;
  readonly stage: string | undefined;
  readonly planStep: string | undefined;
  readonly instruction: Instruction | undefined;
  readonly since: number;
  cached: boolean;
}

// Docker: `Step 2/6 : RUN make`; Podman: `[1/2] STEP 2/6: RUN make`.
const stepLine = /^(?:\[\d+\/\d+\] )?step (\d+)\/(\d+) ?: (.*)$/is;
const endLine =
  /^(?: ---> [0-9a-f]{12}| ---> Removed intermediate container|Removing intermediate container|--> [0-9a-f]{11,})/;
const stderrText = /^\u001b\[91m(.*)\u001b\[0m$/s;

export function createClassicLog(plan: Plan, events: EventSink): ClassicLog {
  const outcomes: StepOutcome[] = [];
  const images: string[] = [];
  let failure: ClassicFailure | undefined;
  let step: Step | undefined;
  let running = false;
  let fetched = false;
  let count = 0;

  const finish = (error?: string): void => {
    if (step === undefined) return;
    const {id, name, stage, planStep, instruction, since} = step;
    // A base that is there already and an ARG of no stage are no work, and never called cached.
    const idle = !fetched && (instruction?.keyword === 'FROM' || stage === undefined);
    const cached = error === undefined && (step.cached || idle);
    const seconds = (performance.now() - since) / 1000;
    if (cached) events.emit({type: 'step-cached', step: id, name, ...(planStep !== undefined && {planStep})});
    else events.emit({type: 'step-done', step: id, seconds, ...(error !== undefined && {error})});
    if (stage !== undefined)
      outcomes.push({step: id, name, stage, line: instruction?.range.start, cached, seconds: cached ? 0 : seconds});
    if (error === undefined) step = undefined;
  };
  const begin = (text: string): void => {
    finish();
    const instruction = plan.dockerfile.instructions[count++];
    const id = `step-${count}`;
    const {stage, name, planStep} = nameOf(plan, instruction, text);
    step = {id, name, stage, planStep, instruction, since: performance.now(), cached: false};
    running = false;
    fetched = false;
    const line = instruction?.range.start;
    events.emit({
      type: 'step-started',
      step: id,
      name,
      ...(stage !== undefined && {stage}),
      ...(line !== undefined && {line}),
      ...(planStep !== undefined && {planStep}),
    });
  };
  const stream = (text: string): void => {
    const match = running ? null : stepLine.exec(text.trimEnd());
    if (match !== null) {
      begin(match[3] ?? '');
    } else if (step !== undefined && text.startsWith(' ---> Using cache')) {
      step.cached = true;
    } else if (text.startsWith(' ---> Running in')) {
      running = true;
    } else if (endLine.test(text)) {
      running = false;
    } else if (step !== undefined && running) {
      const error = stderrText.exec(text)?.[1];
      events.emit({
        type: 'step-log',
        step: step.id,
        stream: error === undefined ? 'stdout' : 'stderr',
        text: error ?? text,
      });
    }
  };

  return {
    take(message) {
      const {stream: text, error, errorDetail, aux, status, id, progressDetail} = message;
      if (typeof text === 'string') stream(text);
      if (typeof error === 'string') {
        const code = (errorDetail as {code?: unknown} | undefined)?.code;
        failure = {message: error, exitCode: typeof code === 'number' && code > 0 ? code : undefined};
        finish(error);
      }
      const image = (aux as {ID?: unknown} | undefined)?.ID;
      if (typeof image === 'string') images.push(image);
      if (typeof status === 'string' && step !== undefined) {
        fetched ||= typeof id === 'string';
        const {current, total} = (progressDetail ?? {}) as {current?: unknown; total?: unknown};
        const label = typeof id === 'string' ? `${id} ${status}` : status;
        events.emit({type: 'step-progress', step: step.id, label, current: numberOf(current), total: numberOf(total)});
      }
    },
    end: () => finish(),
    current: () => step,
    elapsed: () => (step === undefined ? undefined : performance.now() - step.since),
    get failure() {
      return failure;
    },
    images,
    outcomes,
  };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** The step's name as BuildKit has it, where the plan knows one. */
function nameOf(
  plan: Plan,
  instruction: Instruction | undefined,
  text: string,
): {stage: string | undefined; name: string; planStep: string | undefined} {
  if (instruction === undefined) return {stage: undefined, name: text, planStep: undefined};
  const line = instruction.range.start;
  const stage = plan.graph.stages.findLast((candidate) => candidate.line <= line);
  const planned = stage?.steps.find((step) => step.line === line && step.operation.kind !== 'config');
  const label = stage === undefined ? undefined : (stage.name ?? String(stage.index));
  const bracket = stage === undefined ? '' : `[${stage.name ?? `stage-${stage.index}`}] `;
  // FROM may have got a name on its way to the daemon.
  const shown = instruction.keyword === 'FROM' ? instruction.original.trim() : text;
  const planStep = instruction.keyword === 'FROM' ? stage?.fromId : planned?.id;
  return {stage: label, name: planned?.name ?? `${bracket}${shown}`, planStep};
}
