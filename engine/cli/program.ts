import {Command, CommanderError, Option} from 'commander';
import {addBuildOptions, addSettingsOptions, list, progressOption} from './build-options.js';
import {cancellation} from './cancellation.js';
import {addDeliverOptions, addTargetOptions} from './deliver-options.js';
import type {DiffFlags} from './diff-command.js';
import {addExperimentOptions, addRunOptions, type ExperimentFlags} from './experiment-options.js';
import {reportFailure} from './failure.js';
import type {SaveFlags} from './save-command.js';
import {addStoreOptions, type StoreFlags} from './store-options.js';
import {systemTerminal, type Terminal} from './terminal.js';
import {version} from './version.js';

type Action<F> = (path: string | undefined, flags: F, terminal: Terminal, signal: AbortSignal) => Promise<number>;
type Run = <F>(load: () => Promise<Action<F>>) => (path: string | undefined, flags: F) => Promise<void>;

/** Runs the command line; the result is the exit status. Never throws. */
export async function main(argv: readonly string[], terminal: Terminal = systemTerminal()): Promise<number> {
  const cancelled = cancellation();
  let status = 0;
  const run: Run = (load) => async (path, flags) => {
    const action = await load();
    status = await action(path, flags, terminal, cancelled.signal);
  };
  try {
    await program(terminal, run).parseAsync([...argv], {from: 'user'});
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return commanderStatus(error, terminal);
    return reportFailure(error, terminal, cancelled.signal);
  } finally {
    cancelled.dispose();
  }
}

/** Commander has printed help and errors itself; its own statuses are 0 and 1. */
function commanderStatus(error: CommanderError, terminal: Terminal): number {
  if (error.exitCode === 0) return 0;
  terminal.error('See build-image --help.\n');
  return 2;
}

function program(terminal: Terminal, run: Run): Command {
  const root = new Command('build-image')
    .description('Builds the image and the Debian package of one Dockerfile, and says why each step ran.')
    .version(`build-image ${version()}`, '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.answer(text),
      writeErr: (text) => terminal.error(text.replace(/^error: /, 'build-image: ')),
    })
    .showSuggestionAfterError()
    .enablePositionalOptions();
  const path = '[PATH]';
  const what = 'build context: a directory (default .), - for standard input, or a URL';
  addTargetOptions(
    addBuildOptions(
      root.command('build', {isDefault: true}).description('build, extract the artifacts, tag (default)'),
    ).option('--deliver', 'and deliver what was built, as the command deliver'),
  )
    .argument(path, what)
    .action(run(async () => (await import('./build-command.js')).buildCommand));
  addBuildOptions(
    root.command('plan').description('what would run and why, and where every value comes from; builds nothing'),
  )
    .argument(path, what)
    .action(run(async () => (await import('./plan-command.js')).planCommand));
  addSettingsOptions(root.command('check').description("the Dockerfile's problems; exit status 1 where there is one"))
    .argument(path, what)
    .action(run(async () => (await import('./check-command.js')).checkCommand));
  addSettingsOptions(
    root.command('context').description('what the build context sends, and what is ignored by which rule'),
  )
    .argument(path, what)
    .action(run(async () => (await import('./context-command.js')).contextCommand));
  addSettingsOptions(
    root.command('advise').description('ARGs, files and places of instructions that cost past builds time for nothing'),
  )
    .argument(path, what)
    .option('--last <N>', 'look at so many builds only')
    .action(run(async () => (await import('./advise-command.js')).adviseCommand));
  addDeliverOptions(
    root
      .command('deliver')
      .description('tag and push the image, upload the packages, where credentials are configured'),
  )
    .argument(path, 'the checkout: a directory (default .)')
    .action(run(async () => (await import('./deliver-command.js')).deliverCommand));
  root
    .command('base')
    .description('make a base image out of Debian packages, where no registry can be reached')
    .argument('<REFERENCE>', 'such as debian:bookworm')
    .option('--if-missing', 'only where the driver does not have it')
    .addOption(new Option('--driver <NAME>', 'who gets it').choices(['auto', 'docker', 'embedded']).default('auto'))
    .option('--include <PACKAGES>', 'further packages, comma-separated')
    .option('--output <FILE>', 'write a docker archive instead of loading it')
    .option('--root <DIR>', 'where build-image keeps its store')
    .addOption(progressOption())
    .action(run(async () => (await import('./base-command.js')).baseCommand));
  addExperimentCommand(root, run);
  addDiffCommand(root, run);
  addReportCommand(root, run);
  addBuildOptions(root.command('shell').description('a shell in what a step left, by default the one that failed'))
    .argument('[STEP]', 'its id, line, stage, or words of it')
    .option('--before', 'in what the step starts from')
    .option('--after', 'in what the step left (default)')
    .option('--context <PATH>', 'build context (default .)')
    .action(run(async () => (await import('./shell-command.js')).shellCommand));
  addStoreCommands(root, run);
  return root;
}

/** The file and the context; commander gives them before the flags. */
type TwoArguments = [first: string | undefined, second: string | undefined];

function addExperimentCommand(root: Command, run: Run): void {
  const described = 'build every combination of ARG, ENV, base, target and platform values, and compare what comes out';
  const experiment = addRunOptions(addExperimentOptions(root.command('experiment').description(described)));
  experiment.action((...[first, second, flags]: [...TwoArguments, ExperimentFlags]) =>
    run<ExperimentFlags>(async () => {
      const {experimentCommand} = await import('./experiment-command.js');
      return (_, given, terminal, signal) => experimentCommand([first, second], given, terminal, signal);
    })(undefined, flags),
  );
  const plan = addExperimentOptions(
    experiment.command('plan').description('the matrix, what each variant adds and how long it takes; builds nothing'),
  );
  plan.action((...[first, second, flags]: [...TwoArguments, ExperimentFlags]) =>
    run<ExperimentFlags>(async () => {
      const {experimentPlanCommand} = await import('./experiment-plan-command.js');
      return (_, given, terminal, signal) => experimentPlanCommand([first, second], given, terminal, signal);
    })(undefined, flags),
  );
}

/** Two images; the command's first argument stands for both. */
function addDiffCommand(root: Command, run: Run): void {
  const image = 'a name, ID or digest; an OCI layout or image archive; two .deb files';
  root
    .command('diff')
    .description('what differs between two images: config, files, packages')
    .argument('<A>', image)
    .argument('<B>', 'the same')
    .addOption(
      new Option('--driver <NAME>', 'whose images: those of the daemon before those of the store, or one of them')
        .choices(['auto', 'docker', 'embedded'])
        .default('auto'),
    )
    .option('--platform <OS/ARCH>', 'which image of several')
    .option('--all', 'every file, not the first ten of each package')
    .option('--html <FILE>', 'also write the comparison as a page')
    .option('--exit-code', 'exit status 1 where the images differ')
    .option('--root <DIR>', 'where build-image keeps its store')
    .option('--json', 'the answer as one JSON document')
    .action((a: string, b: string, flags: DiffFlags) =>
      run<DiffFlags>(async () => {
        const {diffCommand} = await import('./diff-command.js');
        return (_, given, terminal, signal) => diffCommand([a, b], given, terminal, signal);
      })(undefined, flags),
    );
}

function addReportCommand(root: Command, run: Run): void {
  root
    .command('report')
    .description('a page about a build or an experiment: one HTML file that loads nothing')
    .argument('[BUILD|EXPERIMENT]', 'id of a build (default: the last one), name of an experiment, or its --output DIR')
    .option('-o, --output <FILE>', 'where to write it', 'report.html')
    .option('--serve', 'show it on this machine instead, and follow a build that runs')
    .option('--port <N>', 'where to serve (default: a free port)')
    .addOption(
      new Option('--driver <NAME>', 'whose images').choices(['auto', 'docker', 'embedded']).default('auto').hideHelp(),
    )
    .option('--root <DIR>', 'where build-image keeps its store')
    .action(run(async () => (await import('./report-command.js')).reportCommand));
}

/** The commands on the embedded engine's store; they take no path. */
function addStoreCommands(root: Command, run: Run): void {
  const plain =
    <F>(action: (path: undefined, flags: F) => Promise<void>) =>
    (flags: F) =>
      action(undefined, flags);
  addStoreOptions(root.command('images').description('the images in the store')).action(
    plain(run(async () => (await import('./images-command.js')).imagesCommand)),
  );
  addStoreOptions(root.command('tag').description('one more name for an image of the store'))
    .argument('<SOURCE>', 'a name, or the beginning of an ID')
    .argument('<TARGET>', 'the new name')
    .action((source: string, target: string, flags: StoreFlags) =>
      run<StoreFlags>(async () => {
        const {tagCommand} = await import('./name-commands.js');
        return (_, given, terminal, signal) => tagCommand([source, target], given, terminal, signal);
      })(undefined, flags),
    );
  addStoreOptions(root.command('rmi').description('take names of images away; prune removes what has none'))
    .argument('<NAME...>', 'names, or the beginnings of IDs')
    .action((names: readonly string[], flags: StoreFlags) =>
      run<StoreFlags>(async () => {
        const {removeCommand} = await import('./name-commands.js');
        return (_, given, terminal, signal) => removeCommand(names, given, terminal, signal);
      })(undefined, flags),
    );
  addStoreOptions(root.command('load').description('images of an archive or an OCI layout into the store'))
    .option('-i, --input <FILE>', 'docker or OCI archive, also gzipped, or a directory (default: standard input)')
    .addOption(list('-t, --tag <NAME[:TAG]>', 'instead of the name in the archive'))
    .option('--platform <OS/ARCH>', 'which image of several')
    .action(plain(run(async () => (await import('./load-command.js')).loadCommand)));
  root
    .command('save')
    .description('images of the store as an archive that docker, podman and skopeo read')
    .argument('<NAME...>', 'names, or the beginnings of IDs')
    .option('-o, --output <FILE>', 'where to (default: standard output)')
    .addOption(new Option('--format <FORMAT>', 'docker is read by all').choices(['docker', 'oci']).default('docker'))
    .option('--root <DIR>', 'where build-image keeps its store')
    .action((names: readonly string[], flags: SaveFlags) =>
      run<SaveFlags>(async () => {
        const {saveCommand} = await import('./save-command.js');
        return (_, given, terminal, signal) => saveCommand(names, given, terminal, signal);
      })(undefined, flags),
    );
  addStoreOptions(root.command('history').description('past builds, the newest first'))
    .option('--last <N>', 'only so many')
    .action(plain(run(async () => (await import('./history-command.js')).historyCommand)));
  addStoreOptions(root.command('explain').description('why each step of the last build ran or came from the cache'))
    .argument('[STEP]', 'only this one: its id, line, stage, or words of it')
    .option('--build <ID>', 'a build of `history --json`, by the beginning of its id')
    .action(run(async () => (await import('./explain-command.js')).explainCommand));
  addStoreOptions(root.command('du').description('what the store takes on the disk'))
    .option('-v, --verbose', 'every item')
    .action(plain(run(async () => (await import('./du-command.js')).duCommand)));
  addStoreOptions(root.command('prune').description('remove what nothing needs from the store'))
    .option('--keep <SIZE>', 'and of the cache the least recently used, until SIZE is left (64m, 10g)')
    .option('--older-than <AGE>', 'and of the cache what was not used for so long (12h, 30d)')
    .option('--all', 'and the whole cache; tagged images stay')
    .action(plain(run(async () => (await import('./prune-command.js')).pruneCommand)));
}
