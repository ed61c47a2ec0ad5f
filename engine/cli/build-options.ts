import {Option, type Command} from 'commander';
import type {TargetFlags} from './deliver-options.js';

/** What commander gives for the options that `build` and its relatives share. */
export interface BuildFlags extends TargetFlags {
  readonly deliver?: boolean;
  readonly file?: string;
  readonly tag?: readonly string[];
  readonly buildArg?: readonly string[];
  readonly buildArgFile?: readonly string[];
  readonly env?: readonly string[];
  readonly target?: string;
  readonly platform?: string;
  readonly buildContext?: readonly string[];
  readonly secret?: readonly string[];
  readonly ssh?: readonly string[];
  readonly label?: readonly string[];
  readonly network?: string;
  readonly addHost?: readonly string[];
  readonly shmSize?: string;
  readonly ulimit?: readonly string[];
  readonly cache?: boolean;
  readonly noCacheFilter?: readonly string[];
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
  readonly pull?: boolean;
  readonly output?: readonly string[];
  readonly load?: boolean;
  readonly push?: boolean;
  readonly artifact?: readonly string[];
  readonly artifacts?: boolean;
  readonly artifactsDir?: string;
  readonly artifactOnFailure?: readonly string[];
  readonly iidfile?: string;
  readonly metadataFile?: string;
  readonly summary?: string;
  readonly progress?: string;
  readonly quiet?: boolean;
  readonly jobs?: string;
  readonly timeout?: string;
  readonly stepTimeout?: string;
  readonly driver: string;
  readonly root?: string;
  readonly compose?: readonly string[] | false;
  readonly service?: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

const collect = (value: string, previous: readonly string[] | undefined): readonly string[] => [
  ...(previous ?? []),
  value,
];

/** Repeatable option. */
export const list = (flags: string, description: string): Option => new Option(flags, description).argParser(collect);

/** Commander takes every `--no-…` for the opposite of an option without it; this one stands for itself. */
function notNegated(option: Option): Option {
  option.negate = false;
  return option;
}

/** Of every command that builds something. */
export function progressOption(): Option {
  return new Option('--progress <MODE>', 'how to show progress on standard error')
    .choices(['auto', 'tty', 'plain', 'rawjson', 'quiet'])
    .default('auto');
}

/** What decides what is built: shared by build, plan, check and context. */
export function addSettingsOptions(command: Command): Command {
  return command
    .option('-f, --file <PATH>', 'Dockerfile; - reads it from standard input')
    .addOption(list('--build-arg <NAME[=VALUE]>', "set an ARG; NAME alone takes the environment's value"))
    .addOption(list('--build-arg-file <FILE>', 'set ARGs from a file of NAME=VALUE lines'))
    .addOption(list('--env <[STAGE:]NAME=VALUE>', 'override an ENV that the Dockerfile declares'))
    .option('--target <STAGE>', 'stage to build (default: that of the Compose service, else the last)')
    .option('--platform <OS/ARCH>', 'platform to build for')
    .addOption(
      list('--build-context <NAME=PATH>', 'additional context: a path, docker-image://REF, oci-layout://PATH or a URL'),
    )
    .addOption(list('--compose <FILE>', 'Compose file to take the settings from (repeatable)'))
    .option('--no-compose', 'do not look for a Compose file')
    .option('--service <NAME>', 'service of the Compose file (default: web, else the only one with build:)')
    .addOption(
      list(
        '--artifact <[STAGE:]GLOB>',
        'files to take out of a stage (default: *.deb in what the target copies from another stage)',
      ),
    )
    .addOption(new Option('--driver <NAME>', 'what builds').choices(['auto', 'docker', 'embedded']).default('auto'))
    .option('--root <DIR>', 'directory of the store and of the history of builds')
    .option('--json', 'print the answer as one JSON document');
}

/** What steps get and how they are cached, beside `addSettingsOptions`. */
export function addStepOptions(command: Command): Command {
  return addSettingsOptions(command)
    .addOption(list('--secret <id=ID[,src=FILE|,env=NAME]>', 'secret for RUN --mount=type=secret'))
    .addOption(list('--ssh <default|ID[=SOCKET|KEY]>', 'SSH agent or key for RUN --mount=type=ssh'))
    .addOption(list('--label <NAME=VALUE>', 'label of the image'))
    .addOption(new Option('--network <MODE>', 'network of RUN steps').choices(['default', 'none', 'host']))
    .addOption(list('--add-host <NAME:IP>', 'entry in /etc/hosts of RUN steps'))
    .option('--shm-size <SIZE>', 'size of /dev/shm in RUN steps')
    .addOption(list('--ulimit <NAME=SOFT[:HARD]>', 'resource limit of RUN steps'))
    .option('--no-cache', 'run every step, whatever the cache holds')
    .addOption(notNegated(list('--no-cache-filter <STAGE>', 'run every step of this stage')))
    .addOption(list('--cache-from <SPEC>', 'external cache to read: type=local,src=DIR or a reference'))
    .addOption(list('--cache-to <SPEC>', 'external cache to write: type=local,dest=DIR or type=registry,ref=REF'))
    .option('--pull', 'ask registries for newer base images');
}

/** Those of `build` that decide nothing about a plan or a shell, which take the command line of a build all the same. */
const ofBuildsOnly = [
  ...['--tag', '--output', '--load', '--push', '--artifact-on-failure', '--iidfile', '--metadata-file', '--summary'],
  ...['--progress', '--quiet', '--timeout', '--step-timeout', '--check'],
];

/** The options of `build` for a command that does something else with the same command line. `idle`: more that do nothing there. */
export function addBuildOptionsTo(command: Command, idle: readonly string[] = []): Command {
  addBuildOptions(command);
  for (const option of command.options) {
    if ([...ofBuildsOnly, ...idle].includes(option.long ?? '')) option.hideHelp();
  }
  return command.addHelpText(
    'after',
    '\nThe options of build for its outputs and progress are accepted as well and do nothing here.',
  );
}

/** What only a build takes. */
export function addBuildOptions(command: Command): Command {
  return addStepOptions(command)
    .addOption(list('-t, --tag <NAME[:TAG]>', "name of the image, in addition to the Compose service's"))
    .addOption(
      list(
        '-o, --output <type=TYPE,dest=PATH>',
        'where the result goes: TYPE is image, registry, docker, oci, tar or local; - is a tar on standard output',
      ),
    )
    .option('--load', 'load the image into the Docker daemon that answers (--output type=docker)')
    .option('--push', 'push the image to the registries of its names (--output type=registry)')
    .option('--artifacts-dir <DIR>', 'where artifacts go', 'artifacts')
    .option('--no-artifacts', 'extract no artifacts')
    .addOption(
      list(
        '--artifact-on-failure [GLOB]',
        'files to take out of a step that fails (default: *.log and the artifacts)',
      ).preset(''),
    )
    .option('--iidfile <FILE>', 'write the image ID to a file')
    .option('--metadata-file <FILE>', "write the build's metadata (JSON) to a file")
    .option('--summary <FILE>', 'append a Markdown summary to a file (GitHub Actions: to that of the job)')
    .addOption(progressOption())
    .option('-q, --quiet', 'print only the image ID')
    .option('--jobs <N>', 'how many steps may run at once')
    .option('--timeout <DURATION>', 'give up after this time (90s, 10m, 1h30m)')
    .option('--step-timeout <DURATION>', 'give up when one step takes longer than this')
    .option('--check', 'check the Dockerfile instead of building it');
}
