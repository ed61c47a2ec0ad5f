import {availableParallelism} from 'node:os';
import {basename, join, relative, resolve} from 'node:path';
import {BuildError, quote} from '../base/errors.js';
import {leaveOut} from '../context/leave-out.js';
import {axesOfFlags, definitionOfFlags, withFlags} from '../experiment/flags.js';
import type {Definition} from '../experiment/definition.js';
import {readDefinition} from '../experiment/read-file.js';
import {slugOf} from '../experiment/variant.js';
import type {BuildFlags} from './build-options.js';
import {commaFields, splitOnce} from './comma-fields.js';
import type {ExperimentFlags} from './experiment-options.js';
import {parseCount} from './flag-values.js';
import {openJob, type OpenedJob} from './open-job.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

export interface ExperimentSetup {
  readonly definition: Definition;
  readonly job: OpenedJob;
  /** Where the results are kept; absolute. */
  readonly directory: string;
  readonly jobs: number;
}

/**
 * Everything in front of the variants: the file, flags, the one context and Dockerfile. The caller closes the job. `create`:
 * env files that are missing are made, as for a build.
 */
export async function setUpExperiment(
  args: readonly (string | undefined)[],
  flags: ExperimentFlags,
  terminal: Terminal,
  signal: AbortSignal,
  create: boolean,
): Promise<ExperimentSetup> {
  const [file, path] = fileAndPath(args, flags);
  const axes = axesOfFlags((flags.matrix ?? []).map(matrixFlag));
  const expects = (flags.expect ?? []).map(expectFlag);
  const known = file === undefined ? undefined : await readDefinition(file, terminal.directory, signal);
  // These mean something else to a build.
  const {output, jobs} = flags;
  const job = await openJob(path, forBuilds(flags), terminal, signal, create);
  try {
    const named = basename(resolve(terminal.directory, path ?? '.')).replace(/[^\w.-]+/g, '-');
    const definition =
      known === undefined
        ? definitionOfFlags(named === '' ? 'experiment' : named, axes, expects, flags.baseline)
        : {...withFlags(known, axes, expects), ...(flags.baseline !== undefined && {baseline: flags.baseline})};
    const directory =
      output === undefined
        ? join(storeRoot(flags.root, terminal), 'experiments', slugOf(definition.name))
        : resolve(terminal.directory, output);
    const most = Math.max(1, Math.min(4, availableParallelism()));
    return {
      definition,
      job: {...job, context: withoutResults(job, directory), settings: {...job.settings, outputs: []}},
      directory,
      jobs: jobs === undefined ? (definition.jobs ?? most) : parseCount(jobs, '--jobs'),
    };
  } catch (error) {
    await job.close();
    throw error;
  }
}

function forBuilds(flags: ExperimentFlags): BuildFlags {
  const taken = ['output', 'jobs', 'timeout'];
  return Object.fromEntries(Object.entries(flags).filter(([name]) => !taken.includes(name))) as unknown as BuildFlags;
}

/** What an experiment writes must not be what its next run sends. */
function withoutResults({context}: OpenedJob, directory: string): OpenedJob['context'] {
  const path = relative(context.root, directory);
  return path === '' || path.startsWith('..') || path.startsWith('/') ? context : leaveOut(context, path);
}

/** With `--matrix` the file may be left out, and the one argument is the context unless it looks like a file. */
function fileAndPath(
  [first, second]: readonly (string | undefined)[],
  {matrix}: ExperimentFlags,
): readonly [string | undefined, string | undefined] {
  if (first !== undefined && (second !== undefined || /\.ya?ml$/i.test(first))) return [first, second];
  if (matrix !== undefined) return [undefined, first];
  if (first !== undefined) return [first, undefined];
  throw new BuildError('USAGE', 'an experiment needs a file or a matrix', {
    remedy: 'Such as: build-image experiment experiment.yaml, or --matrix VERSION=1,2 --matrix env:PORT=80,8080.',
  });
}

function matrixFlag(text: string): {readonly key: string; readonly values: readonly string[]} {
  const [key, values] = splitOnce(text, '=');
  if (values === undefined || key === '') {
    throw new BuildError('USAGE', `--matrix wants AXIS=VALUE,VALUE, not ${quote(text)}`, {
      remedy:
        'Such as --matrix VERSION=1,2 or --matrix env:PORT=80,8080; a value with a comma goes into double quotes.',
    });
  }
  return {key, values: commaFields(values, '--matrix')};
}

function expectFlag(text: string): {readonly key: string; readonly value: string} {
  const [key, value] = splitOnce(text, '=');
  if (value === undefined) throw new BuildError('USAGE', `--expect wants WHAT=VALUE, not ${quote(text)}`);
  return {key, value};
}
