import type {Command} from 'commander';
import {addStepOptions, type BuildFlags, list, progressOption} from './build-options.js';

export interface ExperimentFlags extends Omit<BuildFlags, 'output' | 'tag'> {
  readonly matrix?: readonly string[];
  readonly expect?: readonly string[];
  readonly baseline?: string;
  readonly output?: string;
  readonly failFast?: boolean;
  readonly fresh?: boolean;
}

/** Of `experiment` and `experiment plan`. */
export function addExperimentOptions(command: Command): Command {
  return addStepOptions(command)
    .argument('[FILE]', 'the experiment, a YAML file; without one the axes are those of --matrix')
    .argument('[PATH]', 'build context, as of build')
    .addOption(
      list(
        '--matrix <AXIS=VALUE,…>',
        'an axis: ARG, env:[STAGE:]NAME, base:IMAGE, target or platform, with its values',
      ),
    )
    .addOption(list('--expect <WHAT=VALUE>', 'max-size, max-time, must-contain, must-not-contain or exit'))
    .option('--baseline <VARIANT>', 'what the others are compared with (default: the first)')
    .option('--jobs <N>', 'variants at once (default: one for each processor, at most 4)');
}

/** What only a run takes. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--output <DIR>', 'where results and artifacts go (default: below the store)')
    .option('--no-artifacts', 'take no artifacts out')
    .option('--timeout <DURATION>', 'give a variant up after this time (90s, 10m, 1h30m)')
    .option('--step-timeout <DURATION>', 'give a variant up when one step takes longer')
    .option('--fail-fast', 'start no further variant after one that fails')
    .option('--fresh', 'do not resume an interrupted run')
    .addOption(progressOption());
}
