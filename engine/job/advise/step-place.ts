import type {Stage, StageStep} from '../../stages/graph.js';
import {shownBodies} from '../../stages/step-text.js';
import type {RecordedStep} from '../../store/build-record.js';
import type {Use} from './finding.js';

/** The instruction as the history writes it. */
const writtenOf = ({statement: {instruction}}: StageStep): string =>
  instruction.original.trim() + shownBodies(instruction.heredocs);

export const firstLine = (
  {statement: {instruction}}: Pick<StageStep, 'statement'>,
  {redact}: Pick<Use, 'redact'>,
): string => redact(instruction.original.trim()).split('\n', 1)[0] ?? '';

/** Whether a recorded step is, by its stage and text, this one of the Dockerfile as it is now. */
export function isStep(
  stage: Pick<Stage, 'label'>,
  step: StageStep,
  {redact}: Pick<Use, 'redact'>,
): (recorded: RecordedStep) => boolean {
  const written = redact(writtenOf(step));
  return (recorded) => recorded.stage === stage.label && recorded.written === written;
}

/** Last line of an instruction with its here-documents. */
export const lastLine = ({range}: StageStep): number => range.end;
