import type {Stage, StageStep} from '../../stages/graph.js';
import type {Cause, RecordedStep} from '../../store/build-record.js';
import type {ExplainedBuild} from './explain-steps.js';

/** Kinds of what every step of a stage has in common: it is told of the first that it matters to. */
const ambient = new Set<Cause['kind']>(['arg', 'env', 'shell', 'platform', 'setting']);

type Causes = ReadonlyMap<string, readonly Cause[]>;

/** Whether an instruction names a variable, in its line or in a here-document. */
export function mentions({statement}: Pick<StageStep, 'statement'>, name: string): boolean {
  const {original, heredocs} = statement.instruction;
  const word = new RegExp(`(?<![A-Za-z0-9_])${name}(?![A-Za-z0-9_])`);
  return [original, ...heredocs.map(({content}) => content)].some((text) => word.test(text));
}

/** An ARG is in the environment of every RUN below it, and so in its key, whether it is used or not. */
export function advise(build: Pick<ExplainedBuild, 'plan' | 'steps'>, causes: Causes): Causes {
  const told = new Set<string>();
  const found = new Map(causes);
  for (const [id, own] of causes) {
    const step = build.steps.find((one) => one.id === id);
    const stage = build.plan.graph.stages.find(({label}) => label === step?.stage);
    if (step === undefined || stage === undefined) continue;
    found.set(
      id,
      own.flatMap((cause): readonly Cause[] => {
        if (!ambient.has(cause.kind)) return [cause];
        const planned = stage.steps.find((one) => one.id === id);
        // Told where it mattered first; the steps below ran because that one did, unless they name it themselves.
        const isKnown = told.has(`${cause.kind} ${cause.name}`) && own.some(({kind}) => kind === 'step');
        told.add(`${cause.kind} ${cause.name}`);
        const isVariable = cause.kind === 'arg' || cause.kind === 'env';
        if (isVariable && (planned?.operation.kind !== 'run' || mentions(planned, cause.name))) return [cause];
        if (isKnown) return [];
        if (!isVariable) return [cause];
        return [withAdvice(cause, step, stage, build.steps, causes)];
      }),
    );
  }
  return found;
}

function withAdvice(
  cause: Cause,
  step: RecordedStep,
  stage: Stage,
  steps: readonly RecordedStep[],
  causes: Causes,
): Cause {
  const text = `${cause.text}, which it does not mention`;
  const declared = stage.steps.findIndex(
    (one) => one.statement.instruction.keyword === cause.kind.toUpperCase() && mentions(one, cause.name),
  );
  if (declared < 0) return {...cause, text};
  const start = stage.steps.findIndex(({id}) => id === step.id);
  const use = stage.steps.findIndex((one, index) => index > declared && mentions(one, cause.name));
  const end = use < 0 ? stage.steps.length : use;
  const kept = stage.steps.slice(start, end).filter(({id}) => {
    const ran = steps.find((one) => one.id === id);
    const own = causes.get(id) ?? [];
    return ran?.cached === false && own.every(({kind, name}) => kind === 'step' || name === cause.name);
  });
  if (kept.length === 0) return {...cause, text};
  const keeps = `to keep ${kept.length} ${kept.length === 1 ? 'step' : 'steps'} cached`;
  const keyword = cause.kind.toUpperCase();
  const below = stage.steps[end - 1]?.range.end;
  const advice =
    use < 0
      ? `nothing in the stage mentions it: remove the ${keyword}, or move it to the end of the stage, ${keeps}`
      : `move the ${keyword} below line ${below ?? 0} ${keeps}`;
  return {...cause, text, advice};
}
