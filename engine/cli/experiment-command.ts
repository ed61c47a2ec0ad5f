import {createRedactor, type Redactor} from '../base/redact.js';
import type {LayerMemory} from '../compare/image.js';
import {probeImage} from '../compare/probe.js';
import type {Driver} from '../drivers/driver.js';
import {readSeconds} from '../experiment/forecast.js';
import {planExperiment, type PlannedVariant} from '../experiment/plan-experiment.js';
import {problemLines, resultRows} from '../experiment/render.js';
import {isGood} from '../experiment/result.js';
import {runExperiment} from '../experiment/run-experiment.js';
import type {EndedVariant} from '../experiment/run-variant.js';
import {rememberBuild} from '../job/remember.js';
import type {Progress} from '../progress/progress.js';
import {credentialsOf} from './credentials.js';
import {findOptions} from './diff-command.js';
import {chooseDriver} from './driver-choice.js';
import type {ExperimentFlags} from './experiment-options.js';
import {type ExperimentSetup, setUpExperiment} from './experiment-setup.js';
import {reportFailure} from './failure.js';
import {parseDuration} from './flag-values.js';
import {learnPlanSecrets, learnSecrets} from './learn-secrets.js';
import {progressOf} from './progress-of.js';
import {storeRoot} from './store-root.js';
import {renderTable} from './table.js';
import type {Terminal} from './terminal.js';

/** `build-image experiment FILE`: builds every variant; exit status 1 where one is not as expected. */
export async function experimentCommand(
  args: readonly (string | undefined)[],
  flags: ExperimentFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const redactor = createRedactor();
  let progress: Progress | undefined;
  let setup: ExperimentSetup | undefined;
  try {
    setup = await setUpExperiment(args, flags, terminal, signal, true);
    const {definition, job, directory, jobs} = setup;
    await learnSecrets(redactor, job);
    const root = storeRoot(flags.root, terminal);
    progress = await progressOf(flags.progress ?? 'auto', terminal, redactor);
    for (const message of job.notes) progress.emit({type: 'note', message});
    const driver = await chooseDriver(flags.driver, root, terminal, signal);
    const credentials = credentialsOf(terminal, redactor, signal);
    const planned = await planExperiment(job, definition, {driver, credentials}, progress, signal);
    try {
      for (const {plan} of planned.variants) learnPlanSecrets(redactor, plan);
      const images = await findOptions({...flags, driver: driver.name}, terminal, signal);
      const memory: LayerMemory = new Map();
      const past = await readSeconds(root, planned.variants, signal);
      const timeout = flags.timeout === undefined ? definition.timeout : parseDuration(flags.timeout, '--timeout');
      const result = await runExperiment(
        planned,
        {
          jobs,
          timeout,
          failFast: flags.failFast ?? definition.failFast,
          fresh: flags.fresh ?? false,
          past,
        },
        {
          driver,
          credentials,
          events: progress,
          now: () => performance.now(),
          directory,
          probe: (tag) => probeImage(tag, images, memory, signal),
          remember: (variant, ended) => remember(root, driver, redactor, variant, ended),
        },
        signal,
      );
      progress.close();
      if (flags.json === true) terminal.answer(redactor.redact(`${JSON.stringify(result, null, 2)}\n`));
      else {
        terminal.answer(redactor.redact(renderTable(resultRows(result))));
        terminal.error(
          redactor.redact(
            problemLines(result)
              .map((line) => `${line}\n`)
              .join(''),
          ),
        );
      }
      return result.variants.every(isGood) && result.skipped.length === 0 ? 0 : 1;
    } finally {
      await planned.close();
    }
  } catch (error) {
    progress?.close(error);
    return reportFailure(error, terminal, signal, redactor);
  } finally {
    await setup?.job.close();
  }
}

async function remember(
  root: string,
  driver: Driver,
  redactor: Redactor,
  {job, plan}: PlannedVariant,
  ended: EndedVariant,
): Promise<string | undefined> {
  const build = {driver: driver.name, redact: (text: string) => redactor.redact(text), ...ended};
  return (await rememberBuild(root, job, plan, build, new AbortController().signal)).id;
}
