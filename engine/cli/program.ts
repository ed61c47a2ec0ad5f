import {Command, CommanderError, Help, Option} from 'commander';
import {addBuildOptions, addBuildOptionsTo, addSettingsOptions, list, progressOption} from './build-options.js';
import {cancellation} from './cancellation.js';
import {addDeliverOptions, addTargetOptions} from './deliver-options.js';
import type {DiffFlags} from './diff-command.js';
import {addExperimentOptions, addRunOptions, type ExperimentFlags} from './experiment-options.js';
import {reportFailure} from './failure.js';
import type {SaveFlags} from './save-command.js';
import {addStoreOptions, storePlace, type StoreFlags} from './store-options.js';
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
    .configureHelp({optionDescription})
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
      root
        .command('build', {isDefault: true})
        .description('build the image, extract its artifacts and tag it (default)'),
    ).option('--deliver', 'also deliver the result, as the command deliver does'),
  )
    .argument(path, what)
    .action(run(async () => (await import('./build-command.js')).buildCommand));
  addBuildOptionsTo(
    root.command('plan').description('show what would run and why, and where every value comes from; build nothing'),
  )
    .argument(path, what)
    .action(run(async () => (await import('./plan-command.js')).planCommand));
  addSettingsOptions(
    root.command('check').description("report the Dockerfile's problems; exit status 1 if there are any"),
  )
    .argument(path, what)
    .action(run(async () => (await import('./check-command.js')).checkCommand));
  addSettingsOptions(
    root.command('context').description('show what the build context sends, and which rule ignores what'),
  )
    .argument(path, what)
    .action(run(async () => (await import('./context-command.js')).contextCommand));
  addSettingsOptions(
    root
      .command('advise')
      .description('show which ARGs, files and positions of instructions cost past builds time for nothing'),
  )
    .argument(path, what)
    .option('--last <N>', 'look only at the last N builds')
    .action(run(async () => (await import('./advise-command.js')).adviseCommand));
  addDeliverOptions(
    root
      .command('deliver')
      .description('tag and push the image and upload the packages, wherever credentials are configured'),
  )
    .argument(path, 'directory of the checkout (default .)')
    .action(run(async () => (await import('./deliver-command.js')).deliverCommand));
  root
    .command('base')
    .description('make a base image from Debian packages, where no registry can be reached')
    .argument('<REFERENCE>', 'such as debian:bookworm')
    .option('--if-missing', 'do nothing if the image is there already')
    .addOption(
      new Option('--driver <NAME>', 'what the image is for').choices(['auto', 'docker', 'embedded']).default('auto'),
    )
    .option('--include <PACKAGES>', 'additional packages, separated by commas')
    .option('--output <FILE>', 'write a docker archive instead of loading the image')
    .option('--root <DIR>', storePlace)
    .addOption(progressOption())
    .action(run(async () => (await import('./base-command.js')).baseCommand));
  addExperimentCommand(root, run);
  addDiffCommand(root, run);
  addReportCommand(root, run);
  addBuildOptionsTo(
    root
      .command('shell')
      .description('open a shell in the result of a step, by default the one that failed (embedded engine)'),
    ['--json', '--jobs', '--artifact', '--artifacts-dir', '--no-artifacts', '--cache-to'],
  )
    .argument('[STEP]', 'its id, line or stage, or words from it')
    .option('--before', 'in what the step started from')
    .option('--after', 'in what the step left (default)')
    .option('--context <PATH>', 'build context (default .)')
    .action(run(async () => (await import('./shell-command.js')).shellCommand));
  addStoreCommands(root, run);
  return root;
}

/** As commander has it, but that an option without its value stands for an empty one is nobody's business. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(' (preset: "")', '');
}

/** The file and the context; commander gives them before the flags. */
type TwoArguments = [first: string | undefined, second: string | undefined];

function addExperimentCommand(root: Command, run: Run): void {
  const described = 'build every combination of ARG, ENV, base, target and platform values and compare the results';
  const experiment = addRunOptions(addExperimentOptions(root.command('experiment').description(described)));
  experiment.action((...[first, second, flags]: [...TwoArguments, ExperimentFlags]) =>
    run<ExperimentFlags>(async () => {
      const {experimentCommand} = await import('./experiment-command.js');
      return (_, given, terminal, signal) => experimentCommand([first, second], given, terminal, signal);
    })(undefined, flags),
  );
  const plan = addExperimentOptions(
    experiment
      .command('plan')
      .description('show the matrix, what each variant adds and how long it takes; build nothing'),
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
  const image = 'name, ID or digest of an image, OCI layout, image archive, or a .deb file';
  root
    .command('diff')
    .description('compare two images: config, files, packages')
    .argument('<A>', image)
    .argument('<B>', 'what to compare it with, likewise')
    .addOption(
      new Option('--driver <NAME>', 'where the images are (auto: in the daemon, else in the store)')
        .choices(['auto', 'docker', 'embedded'])
        .default('auto'),
    )
    .option('--platform <OS/ARCH>', 'platform of the image, where there are several')
    .option('--all', 'list every file, not only ten of each package')
    .option('--html <FILE>', 'also write the comparison as an HTML page')
    .option('--exit-code', 'exit with status 1 if the images differ')
    .option('--root <DIR>', storePlace)
    .option('--json', 'print the answer as one JSON document')
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
    .description('write a page about a build or an experiment: one self-contained HTML file')
    .argument(
      '[BUILD|EXPERIMENT]',
      'id of a build (default: the last one), name of an experiment, or its --output directory',
    )
    .option('-o, --output <FILE>', 'where to write the page', 'report.html')
    .option('--serve', 'serve the page on 127.0.0.1 instead, and follow a build that is running')
    .option('--port <N>', 'port to serve on (default: any free one)')
    .addOption(
      new Option('--driver <NAME>', 'whose images').choices(['auto', 'docker', 'embedded']).default('auto').hideHelp(),
    )
    .option('--root <DIR>', storePlace)
    .action(run(async () => (await import('./report-command.js')).reportCommand));
}

/** The commands on the embedded engine's store; they take no path. */
function addStoreCommands(root: Command, run: Run): void {
  const plain =
    <F>(action: (path: undefined, flags: F) => Promise<void>) =>
    (flags: F) =>
      action(undefined, flags);
  addStoreOptions(root.command('images').description('list the images in the store')).action(
    plain(run(async () => (await import('./images-command.js')).imagesCommand)),
  );
  addStoreOptions(root.command('tag').description('give an image in the store another name'))
    .argument('<SOURCE>', 'a name, or the beginning of an ID')
    .argument('<TARGET>', 'the new name')
    .action((source: string, target: string, flags: StoreFlags) =>
      run<StoreFlags>(async () => {
        const {tagCommand} = await import('./name-commands.js');
        return (_, given, terminal, signal) => tagCommand([source, target], given, terminal, signal);
      })(undefined, flags),
    );
  addStoreOptions(
    root.command('rmi').description('remove names of images; prune then removes the images that have none'),
  )
    .argument('<NAME...>', 'names, or the beginnings of IDs')
    .action((names: readonly string[], flags: StoreFlags) =>
      run<StoreFlags>(async () => {
        const {removeCommand} = await import('./name-commands.js');
        return (_, given, terminal, signal) => removeCommand(names, given, terminal, signal);
      })(undefined, flags),
    );
  addStoreOptions(root.command('load').description('load images from an archive or an OCI layout into the store'))
    .option('-i, --input <FILE>', 'docker or OCI archive, also compressed, or a directory (default: standard input)')
    .addOption(list('-t, --tag <NAME[:TAG]>', 'name to use instead of the one in the archive'))
    .option('--platform <OS/ARCH>', 'platform of the image, where there are several')
    .action(plain(run(async () => (await import('./load-command.js')).loadCommand)));
  root
    .command('save')
    .description('save images from the store as an archive that docker, podman and skopeo read')
    .argument('<NAME...>', 'names, or the beginnings of IDs')
    .option('-o, --output <FILE>', 'where to write it (default: standard output)')
    .addOption(new Option('--format <FORMAT>', 'format of the archive').choices(['docker', 'oci']).default('docker'))
    .option('--root <DIR>', storePlace)
    .action((names: readonly string[], flags: SaveFlags) =>
      run<SaveFlags>(async () => {
        const {saveCommand} = await import('./save-command.js');
        return (_, given, terminal, signal) => saveCommand(names, given, terminal, signal);
      })(undefined, flags),
    );
  addStoreOptions(root.command('history').description('list past builds, the newest first'))
    .option('--last <N>', 'show only the last N builds')
    .action(plain(run(async () => (await import('./history-command.js')).historyCommand)));
  addStoreOptions(root.command('explain').description('say why each step of the last build ran or came from the cache'))
    .argument('[STEP]', 'only this step: its id, line or stage, or words from it')
    .option('--build <ID>', 'another build, by the beginning of its id in history --json')
    .action(run(async () => (await import('./explain-command.js')).explainCommand));
  addStoreOptions(root.command('du').description('show how much disk space the store takes'))
    .option('-v, --verbose', 'list every item')
    .action(plain(run(async () => (await import('./du-command.js')).duCommand)));
  addStoreOptions(root.command('prune').description('remove from the store what nothing needs'))
    .option('--keep <SIZE>', 'also the least recently used of the cache, until SIZE is left (64m, 10g)')
    .option('--older-than <AGE>', 'also what the cache has not used for this long (12h, 30d)')
    .option('--all', 'also the whole cache; tagged images stay')
    .action(plain(run(async () => (await import('./prune-command.js')).pruneCommand)));
}
