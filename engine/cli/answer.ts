import {formatArtifact} from '../artifacts/artifact.js';
import type {JobResult} from '../job/run.js';
import {artifactFacts} from '../job/metadata.js';

/** The answer of a build on standard output: digest, tags, artifacts; a line each, the word in front says what it is. */
export function renderAnswer(result: JobResult): string {
  const {built, artifacts} = result;
  const lines: string[] = [];
  const digest = built.configDigest ?? built.manifestDigest;
  if (digest !== undefined) lines.push(`image     ${digest}`);
  for (const tag of built.tags) lines.push(`tag       ${tag}`);
  for (const output of result.outputs) lines.push(`output    ${output}`);
  for (const artifact of artifacts) lines.push(`artifact  ${formatArtifact(artifact)}`);
  return lines.map((line) => `${line}\n`).join('');
}

/** The same as one JSON document. */
export function answerJson(result: JobResult, delivered?: object): string {
  const {built, artifacts, seconds} = result;
  const cached = built.steps.filter((step) => step.cached).length;
  const document = {
    driver: built.driver,
    digest: built.manifestDigest ?? null,
    configDigest: built.configDigest ?? null,
    tags: built.tags,
    outputs: result.outputs,
    artifacts: artifacts.map(artifactFacts),
    steps: {ran: built.steps.length - cached, cached},
    seconds,
    warnings: result.warnings.map(({rule, message, line}) => ({rule, line, message})),
    ...(delivered !== undefined && {delivered}),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
