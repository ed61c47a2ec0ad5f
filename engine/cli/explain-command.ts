import {BuildError, quote} from '../base/errors.js';
import {visible} from '../base/visible.js';
import {count, formatDuration} from '../progress/format.js';
import type {BuildRecord, Cause, RecordedStep} from '../store/build-record.js';
import {readHistory} from '../store/history.js';
import {pastBuild} from './past-build.js';
import type {StoreFlags} from './store-options.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

export interface ExplainFlags extends StoreFlags {
  readonly build?: string;
}

/** `build-image explain [STEP]`: why each step of a past build ran or came from the cache. */
export async function explainCommand(
  step: string | undefined,
  flags: ExplainFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const build = await explained(flags, terminal, signal);
  const steps = step === undefined ? build.steps : stepsNamed(build.steps, step);
  if (flags.json === true) {
    const {id, time, dockerfile, place, target, driver, outcome, seconds, error} = build;
    const shown = steps.map((one) => ({...one, reason: reasonOf(one)}));
    const document = {build: {id, time, dockerfile, place, target, driver, outcome, seconds, error}, steps: shown};
    terminal.answer(`${JSON.stringify(document, null, 2)}\n`);
    return 0;
  }
  terminal.answer(visible(`${heading(build)}\n${steps.map((one) => `${lineOf(one)}\n`).join('')}`));
  return 0;
}

/** The build of `--build`; else the last one of this directory, else the last one. Throws BuildError NOT_FOUND. */
async function explained(flags: ExplainFlags, terminal: Terminal, signal: AbortSignal): Promise<BuildRecord> {
  const {records} = await readHistory(storeRoot(flags.root, terminal), {}, signal);
  if (flags.build !== undefined) {
    const named = pastBuild(records, flags.build);
    if (named !== undefined) return named;
    throw new BuildError('NOT_FOUND', `no past build has an id that begins with ${quote(flags.build)}`, {
      remedy: 'build-image history --json lists them.',
    });
  }
  const here = terminal.directory;
  const found =
    records.find(({place}) => place === here) ??
    records.find(({place}) => place.startsWith(`${here}/`) || here.startsWith(`${place}/`)) ??
    records[0];
  if (found !== undefined) return found;
  throw new BuildError('NOT_FOUND', 'there is no past build to explain', {
    remedy: 'Build first; build-image plan says what would run. Past builds lie in the store: name it with --root.',
  });
}

type NamedStep = Pick<RecordedStep, 'id' | 'line' | 'stage' | 'written' | 'text'>;

/** By id, line, stage, or words of the instruction. Throws BuildError NOT_FOUND. */
export function stepsNamed<T extends NamedStep>(steps: readonly T[], wanted: string): readonly T[] {
  const lower = wanted.toLowerCase();
  const ways: readonly ((step: NamedStep) => boolean)[] = [
    ({id}) => id === lower,
    ({line}) => String(line) === wanted.replace(/^.*:/, ''),
    ({stage}) => stage.toLowerCase() === lower,
    ({written, text}) => `${written}\n${text}`.toLowerCase().includes(lower),
  ];
  for (const way of ways) {
    const found = steps.filter(way);
    if (found.length > 0) return found;
  }
  throw new BuildError('NOT_FOUND', `there is no step ${quote(wanted)}`, {
    remedy: `A step is named by its id (${steps[0]?.id ?? 'builder.1'}), its line, its stage, or words of its instruction.`,
  });
}

function heading({contextName, dockerfile, target, driver, outcome, seconds, time, id, steps}: BuildRecord): string {
  const cached = steps.filter((step) => step.cached).length;
  const what = `${contextName}: ${dockerfile} (${target})`;
  const how = `${driver}, ${outcome} after ${formatDuration(seconds)}`;
  return `${what}, ${time.slice(0, 19)}Z, ${how}: ${steps.length - cached} of ${count(steps.length, 'step')} ran\nbuild ${id}\n`;
}

/** `ran again because ARG V 1 -> 2`, `from the cache`. */
export function reasonOf({cached, failed, causes}: Pick<RecordedStep, 'cached' | 'failed' | 'causes'>): string {
  if (cached) return 'from the cache: nothing that it depends on has changed';
  const verb = failed ? 'failed' : 'ran';
  const [first] = causes;
  if (first === undefined) return verb;
  if (first.kind === 'new' || first.kind === 'target') return `${verb}: ${joined(causes)}`;
  return `${verb} again${first.kind === 'files' ? ': ' : ' because '}${joined(causes)}`;
}

function joined(causes: readonly Cause[]): string {
  return causes.map(({text, advice}) => (advice === undefined ? text : `${text}: ${advice}`)).join('; and ');
}

function lineOf(step: RecordedStep): string {
  const [first = ''] = step.written.split('\n', 1);
  const shown = first.length <= 70 ? first : `${first.slice(0, 69)}…`;
  const time = step.cached ? '' : ` (${formatDuration(step.seconds)})`;
  return `${step.id}, line ${step.line}${time}  ${shown}\n    ${reasonOf(step)}`;
}
