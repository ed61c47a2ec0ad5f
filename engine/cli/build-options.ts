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
  return new Option('--progress <MODE>', 'how progress is shown on standard error')
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
    .option('--target <STAGE>', 'stage to build (default: of the Compose service, else the last)')
    .option('--platform <OS/ARCH>', 'platform to build for')
    .addOption(
      list('--build-context <NAME=PATH>', 'further context: a path, docker-image://REF, oci-layout://PATH, URL'),
    )
    .addOption(list('--compose <FILE>', 'Compose file the settings come from (repeatable)'))
    .option('--no-compose', 'do not look for a Compose file')
    .option('--service <NAME>', 'service of the Compose file (default: web, else the only one with build:)')
    .addOption(
      list('--artifact <[STAGE:]GLOB>', 'files to take out of a stage (default: *.deb where the target copies from)'),
    )
    .addOption(new Option('--driver <NAME>', 'who builds').choices(['auto', 'docker', 'embedded']).default('auto'))
    .option('--root <DIR>', 'where build-image keeps its store and past builds')
    .option('--json', 'answer with one JSON document on standard output');
}

/** What steps get and how they are cached, beside `addSettingsOptions`. */
export function addStepOptions(command: Command): Command {
  return addSettingsOptions(command)
    .addOption(list('--secret <id=ID[,src=FILE|,env=NAME]>', 'secret for RUN --mount=type=secret'))
    .addOption(list('--ssh <default|ID[=SOCKET|KEY]>', 'SSH agent or key for RUN --mount=type=ssh'))
    .addOption(list('--label <NAME=VALUE>', 'label of the image'))
    .addOption(new Option('--network <MODE>', 'network of RUN steps').choices(['default', 'none', 'host']))
    .addOption(list('--add-host <NAME:IP>', 'line for /etc/hosts of RUN steps'))
    .option('--shm-size <SIZE>', 'size of /dev/shm in RUN steps')
    .addOption(list('--ulimit <NAME=SOFT[:HARD]>', 'limit of RUN steps'))
    .option('--no-cache', 'run every step')
    .addOption(notNegated(list('--no-cache-filter <STAGE>', 'run every step of these stages')))
    .addOption(list('--cache-from <SPEC>', 'external cache to read'))
    .addOption(list('--cache-to <SPEC>', 'external cache to write'))
    .option('--pull', 'look for newer base images');
}

/** What only a build takes. */
export function addBuildOptions(command: Command): Command {
  return addStepOptions(command)
    .addOption(list('-t, --tag <NAME[:TAG]>', 'tag of the image, beside the one of the Compose service'))
    .addOption(
      list(
        '-o, --output <type=TYPE,dest=PATH>',
        'also: type=oci|docker|tar|local|image|registry; - is a tar on stdout',
      ),
    )
    .option('--load', 'the image into the Docker daemon that answers: --output type=docker')
    .option('--push', 'push the image to the registries of its tags: --output type=registry')
    .option('--artifacts-dir <DIR>', 'where artifacts go', 'artifacts')
    .option('--no-artifacts', 'take no artifacts out')
    .addOption(
      list(
        '--artifact-on-failure [GLOB]',
        'files to take out of a step that fails (default: *.log and artifacts)',
      ).preset(''),
    )
    .option('--iidfile <FILE>', 'write the image ID to a file')
    .option('--metadata-file <FILE>', "write the build's metadata (JSON) to a file")
    .option('--summary <FILE>', 'add a summary in Markdown to a file (in GitHub Actions: to that of the run)')
    .addOption(progressOption())
    .option('-q, --quiet', 'print the image ID only')
    .option('--jobs <N>', 'steps at once')
    .option('--timeout <DURATION>', 'give the build up after this time (90s, 10m, 1h30m)')
    .option('--step-timeout <DURATION>', 'give the build up when one step takes longer')
    .option('--check', 'check the Dockerfile instead of building');
}
