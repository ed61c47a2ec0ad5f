import type {Plan} from '../plan/plan.js';
import {planRedactor} from '../plan/secrets.js';
import {workSteps} from '../plan/steps.js';
import type {EventSink} from '../progress/events.js';
import {openRunning, type RunningPlanStep} from '../store/running.js';
import type {PreparedJob} from './prepare.js';

/** Tells other processes, by a file below `root`, how a build goes; `close` ends it. */
export function announceBuild(root: string, job: PreparedJob, plan: Plan): EventSink & {close(): void} {
  const {redact} = planRedactor(plan.graph);
  const steps = workSteps(plan.graph).map(({id, stage, step, inputs}): RunningPlanStep => {
    return {id, name: step.name, stage: stage.label, line: step.line, inputs};
  });
  const ids = new Map(steps.map(({id, name}) => [name, id]));
  const shown = steps.map((step) => ({...step, name: redact(step.name)}));
  const title = job.settings.tags[0] ?? job.context.name;
  const log = openRunning(root, {title, dockerfile: plan.dockerfile.file, steps: shown}, () => Date.now());
  const open = new Map<string, string>();
  return {
    emit(event) {
      if (event.type === 'step-started') {
        const id = ids.get(event.name);
        if (id === undefined) return;
        open.set(event.step, id);
        log.step(id, 'start');
      } else if (event.type === 'step-cached') {
        const id = open.get(event.step) ?? ids.get(event.name);
        if (id !== undefined) log.step(id, 'cached');
      } else if (event.type === 'step-done') {
        const id = open.get(event.step);
        if (id !== undefined) log.step(id, event.error === undefined ? 'done' : 'failed');
      }
    },
    close: () => log.close(),
  };
}
