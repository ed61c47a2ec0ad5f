import {appendFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import {messageOf} from '../base/errors.js';
import type {BuildError} from '../base/errors.js';
import {formatError} from '../base/format-error.js';
import type {Redactor} from '../base/redact.js';
import type {JobResult} from '../job/run.js';
import {renderFailureSummary, renderSummary} from '../job/summary.js';
import {summarizedDeliveries} from './delivery-answer.js';
import type {Delivered} from './run-delivery.js';
import type {Terminal} from './terminal.js';

export type SummarizedOutcome =
  {readonly result: JobResult; readonly delivered?: Delivered} | {readonly error: BuildError};

/**
 * Adds what the build gave, or its error, to the file that `--summary` names, else to the one that GitHub Actions shows on
 * the page of the run. Resolves with what went wrong: a summary decides nothing about a build.
 */
export async function addSummary(
  flag: string | undefined,
  {environment, directory}: Terminal,
  title: string,
  outcome: SummarizedOutcome,
  redactor: Redactor,
): Promise<string | undefined> {
  const file = resolve(directory, flag ?? environment['GITHUB_STEP_SUMMARY'] ?? '');
  const markdown =
    'result' in outcome
      ? renderSummary(title, outcome.result, outcome.delivered && summarizedDeliveries(outcome.delivered))
      : renderFailureSummary(title, formatError(outcome.error));
  try {
    await appendFile(file, redactor.redact(markdown));
    return undefined;
  } catch (error) {
    return `the summary cannot be written: ${messageOf(error)}`;
  }
}
