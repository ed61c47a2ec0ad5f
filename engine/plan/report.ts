import {formatPlatform} from '../oci/platform.js';
import type {Binding, Origin, Stage, StageBase, StageGraph} from '../stages/graph.js';
import type {Plan} from './plan.js';
import {predicted, type PlanStep, type Predict} from './predict.js';
import {looksSecret, planRedactor} from './secrets.js';
import {planSteps} from './steps.js';

export interface ReportStep {
  readonly id: string;
  /** 1-based; FROM's for an ONBUILD trigger of the base. */
  readonly line: number;
  /** Upper case. */
  readonly instruction: string;
  /** After expansion; one line, and here-documents below it. */
  readonly text: string;
  readonly inputs: readonly string[];
  readonly key: string | null;
  readonly cached: boolean | 'unknown';
  readonly reason: string | null;
  readonly seconds: number | null;
}

/** A value and where it came from; `line` 0: from no line of the Dockerfile. */
export interface ReportVariable {
  readonly name: string;
  readonly value: string | null;
  readonly origin: Origin;
  readonly line: number;
}

export interface ReportStage {
  readonly index: number;
  readonly name: string | null;
  /** Image reference, stage, named context or `scratch`. */
  readonly base: string;
  readonly reachable: boolean;
  readonly platform: string;
  readonly workdir: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  /** `env` with origins. */
  readonly variables: readonly ReportVariable[];
  readonly exposed: readonly string[];
  readonly volumes: readonly string[];
  readonly cmd: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly steps: readonly ReportStep[];
}

/** How long a build is expected to take. */
export interface PlanEstimate {
  readonly seconds: number;
  /** Ids of the steps that decide it, the first one first. */
  readonly criticalPath: readonly string[];
  /** Ids of steps that may run and of which no duration is known: they count as nothing. */
  readonly unknown: readonly string[];
}

/** What `plan --json` prints; others rely on it. */
export interface PlanReport {
  readonly dockerfile: string;
  readonly context: string;
  /** Name of the target stage, or its index. */
  readonly target: string;
  readonly platform: string;
  readonly images: readonly string[];
  readonly args: readonly (ReportVariable & {readonly stage: string | null; readonly used: boolean})[];
  readonly stages: readonly ReportStage[];
  readonly artifacts: readonly {readonly stage: string; readonly path: string}[];
  readonly warnings: readonly {readonly rule: string; readonly line: number; readonly message: string}[];
  /** Null where no earlier build tells anything; left out where nobody asked. */
  readonly estimate?: PlanEstimate | null;
}

export interface ReportExtra {
  /** The build context as the user named it. */
  readonly context: string;
  readonly predict?: Predict | undefined;
  readonly estimate?: PlanEstimate | null | undefined;
}

type Redact = (text: string) => string;

function variable(binding: Binding, redact: Redact): ReportVariable {
  const {name, value, origin, line} = binding;
  // The file of a secret may be shown, an empty value hides nothing.
  const hidden = looksSecret(name) && value !== undefined && value !== '';
  return {name, value: value === undefined ? null : hidden ? '***' : redact(value), origin, line};
}

function baseName(graph: StageGraph, base: StageBase): string {
  switch (base.kind) {
    case 'scratch':
      return 'scratch';
    case 'image':
      return base.reference;
    case 'context':
      return base.name;
    case 'stage':
      return graph.stages[base.index]?.label ?? String(base.index);
    default:
      throw new Error(`unreachable: ${String(base satisfies never)}`);
  }
}

/** `NAME=value` of ENV and ARG lines whose name looks secret, in a step's text. */
function hideAssignments(text: string): string {
  return text.replace(/(\b[A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|\S+)/g, (whole, name: string) =>
    looksSecret(name) ? `${name}=***` : whole,
  );
}

function reportStep(planStep: PlanStep, predict: Predict | undefined, redact: Redact): ReportStep {
  const {id, stage, step, inputs} = planStep;
  const {key, cached, reason, seconds} = predicted(planStep, predict);
  const instruction = step?.statement.instruction.keyword ?? 'FROM';
  const text = step?.text ?? stage.fromText;
  const assigns = instruction === 'ENV' || instruction === 'ARG' || instruction === 'LABEL';
  return {
    id,
    line: step?.line ?? stage.line,
    instruction,
    text: redact(assigns ? hideAssignments(text) : text),
    inputs,
    key,
    cached,
    reason: reason === null ? null : redact(reason),
    seconds,
  };
}

function reportStage(graph: StageGraph, stage: Stage, steps: readonly ReportStep[], redact: Redact): ReportStage {
  const {config} = stage;
  const variables = [...stage.env.values()].map((binding) => variable(binding, redact));
  return {
    index: stage.index,
    name: stage.name ?? null,
    base: redact(baseName(graph, stage.base)),
    reachable: stage.reachable,
    platform: formatPlatform(stage.platform),
    workdir: redact(stage.workdir),
    user: redact(stage.user),
    env: Object.fromEntries(variables.map(({name, value}) => [name, value ?? ''])),
    variables,
    exposed: Object.keys(config.ExposedPorts ?? {}),
    volumes: Object.keys(config.Volumes ?? {}).map(redact),
    cmd: config.Cmd?.map(redact) ?? null,
    entrypoint: config.Entrypoint?.map(redact) ?? null,
    labels: Object.fromEntries(
      Object.entries(config.Labels ?? {}).map(([name, value]) => [name, looksSecret(name) ? '***' : redact(value)]),
    ),
    steps,
  };
}

/** The plan as one JSON document. Values of names that look secret are `***`, wherever they stand. */
export function planReport(plan: Plan, extra: ReportExtra): PlanReport {
  const {graph, dockerfile} = plan;
  const {redact} = planRedactor(graph);
  const steps = planSteps(graph);
  return {
    dockerfile: dockerfile.file,
    context: redact(extra.context),
    target: graph.stages[graph.target]?.label ?? String(graph.target),
    platform: formatPlatform(graph.platform),
    images: graph.images.map(redact),
    args: graph.args.map((arg) => ({...variable(arg, redact), stage: arg.stage, used: arg.used})),
    stages: graph.stages.map((stage) => {
      const own = steps.filter((step) => step.stage === stage);
      return reportStage(
        graph,
        stage,
        own.map((step) => reportStep(step, extra.predict, redact)),
        redact,
      );
    }),
    artifacts: plan.artifacts.map(({stage, path, pattern}) => ({
      stage: graph.stages[stage]?.label ?? String(stage),
      path: redact(pattern ?? path),
    })),
    warnings: plan.warnings.map(({rule, line, message}) => ({rule, line, message: redact(message)})),
    ...(extra.estimate !== undefined && {estimate: extra.estimate}),
  };
}
