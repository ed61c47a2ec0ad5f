import {BuildError, type SourceColumns, type SourceRange} from '../../base/errors.js';
import type {Instruction} from '../../dockerfile/ast.js';
import type {Plan} from '../../plan/plan.js';
import type {BuildRequest} from '../driver.js';
import {callJson} from './api.js';
import type {Daemon} from './daemon.js';

/** What a builder's own parser knows beyond the plain instructions. */
interface Dialect {
  readonly builder: string;
  readonly heredocs: boolean;
  /** Flags by instruction; all flags of an instruction that is not listed are known. */
  readonly flags: Readonly<Record<string, readonly string[]>>;
  readonly remedy: string;
}

const classic: Dialect = {
  builder: 'the classic builder',
  heredocs: false,
  flags: {RUN: [], COPY: ['from', 'chown'], ADD: ['chown']},
  remedy: 'Use a daemon with BuildKit (Docker 18.09 and later), or --driver embedded.',
};

// Docker 20.10: version 1.2 of the Dockerfile syntax.
const early: Dialect = {
  builder: "this daemon's BuildKit",
  heredocs: false,
  flags: {RUN: ['mount', 'network', 'security'], COPY: ['from', 'chown', 'chmod'], ADD: ['chown', 'chmod']},
  remedy: 'Start the Dockerfile with "# syntax=docker/dockerfile:1", use a newer daemon, or --driver embedded.',
};

/** API of Docker 23, the first whose built-in frontend knows here-documents and the rest. */
const modernApi = 142;

/** Rejects with UNSUPPORTED for what the daemon's BuildKit would not understand, before anything is sent. */
export async function checkBuildkit(
  plan: Plan,
  request: BuildRequest,
  daemon: Daemon,
  signal: AbortSignal,
): Promise<void> {
  if ([...request.contexts.values()].some(({kind}) => kind === 'oci-layout')) await checkLayouts(daemon, signal);
  if (daemon.api >= modernApi || plan.dockerfile.directives.syntax !== undefined) return;
  checkInstructions(plan, early);
  if (request.contexts.size > 0) throw lacks('--build-context', early);
}

/** Docker's own image store has no source for layouts; the one of containerd has. */
async function checkLayouts(daemon: Daemon, signal: AbortSignal): Promise<void> {
  const {DriverStatus: status} = (await callJson(daemon, 'GET', '/info', signal)) as {readonly DriverStatus?: unknown};
  if (JSON.stringify(status ?? '').includes('io.containerd.snapshotter')) return;
  throw new BuildError(
    'UNSUPPORTED',
    'this daemon reads no oci-layout context: its image store is not that of containerd',
    {
      remedy: 'Load the image into the daemon and use docker-image://NAME, or --driver embedded.',
    },
  );
}

/** Throws UNSUPPORTED for what the classic builder cannot do, before anything is sent. */
export function checkClassic(plan: Plan, request: BuildRequest): void {
  checkInstructions(plan, classic);
  const asked: readonly (readonly [boolean, string])[] = [
    [request.contexts.size > 0, '--build-context'],
    [request.secrets.size > 0, '--secret'],
    [request.ssh.size > 0, '--ssh'],
    [request.noCacheFilter.length > 0, '--no-cache-filter'],
    [request.cacheTo.length > 0, '--cache-to'],
    [request.outputs.some(({type}) => type === 'local' || type === 'tar'), '--output type=local or tar'],
  ];
  const first = asked.find(([wanted]) => wanted);
  if (first !== undefined) throw lacks(first[1], classic);
}

function lacks(what: string, {builder, remedy}: Dialect, where: object = {}): BuildError {
  return new BuildError('UNSUPPORTED', `${builder} has no ${what}`, {...where, remedy});
}

function checkInstructions(plan: Plan, dialect: Dialect): void {
  for (const instruction of plan.dockerfile.instructions) {
    if (instruction.heredocs.length > 0 && !dialect.heredocs) {
      throw lacks('here-documents', dialect, place(plan, instruction, '<<'));
    }
    const known = dialect.flags[instruction.keyword];
    const unknown = instruction.flags.find((flag) => known?.includes(flagName(flag)) === false);
    if (unknown === undefined) continue;
    const name = `--${flagName(unknown)}`;
    throw lacks(`${instruction.keyword} ${name}`, dialect, place(plan, instruction, name));
  }
}

function flagName(flag: string): string {
  return /^--([^=]*)/.exec(flag)?.[1] ?? flag;
}

/** The first line of the instruction that has `text`, and its columns there. */
function place(
  plan: Plan,
  {range}: Instruction,
  text: string,
): {
  readonly file: string;
  readonly source: string;
  readonly range: SourceRange;
  readonly columns?: SourceColumns;
} {
  const common = {file: plan.dockerfile.file, source: plan.dockerfile.text};
  const lines = plan.dockerfile.text.split('\n');
  for (let line = range.start; line <= range.end; line++) {
    const at = lines[line - 1]?.indexOf(text) ?? -1;
    if (at < 0) continue;
    return {...common, range: {start: line, end: line}, columns: {start: at + 1, end: at + 1 + text.length}};
  }
  return {...common, range};
}
