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
    .argument('[FILE]', 'YAML file of the experiment; without one the axes come from --matrix')
    .argument('[PATH]', 'build context, as for build')
    .addOption(
      list('--matrix <AXIS=VALUE,…>', 'axis (ARG, env:[STAGE:]NAME, base:IMAGE, target or platform) and its values'),
    )
    .addOption(list('--expect <WHAT=VALUE>', 'expectation: max-size, max-time, must-contain, must-not-contain or exit'))
    .option('--baseline <VARIANT>', 'variant that the others are compared with (default: the first)')
    .option('--jobs <N>', 'how many variants may build at once (default: one per processor, at most 4)');
}

/** What only a run takes. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--output <DIR>', 'where results and artifacts go (default: below the store)')
    .option('--no-artifacts', 'extract no artifacts')
    .option('--timeout <DURATION>', 'give up on a variant after this time (90s, 10m, 1h30m)')
    .option('--step-timeout <DURATION>', 'give up on a variant when one step takes longer than this')
    .option('--fail-fast', 'start no more variants after one has failed')
    .option('--fresh', 'start over instead of resuming an interrupted run')
    .addOption(progressOption());
}
