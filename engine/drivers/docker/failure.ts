import {Code, ConnectError} from '@connectrpc/connect';
import {BuildError, messageOf, type SourceRange} from '../../base/errors.js';
import type {Plan} from '../../plan/plan.js';
import type {Trace} from './trace.js';

/** What is known of a failed build beside the error itself. */
export interface FailureFacts {
  readonly plan: Plan;
  readonly trace: Trace;
  /** The connection to the daemon ended before the build did. */
  readonly lost: boolean;
  /** Registry hosts for which the daemon asked credentials. */
  readonly askedHosts: readonly string[];
}

/**
 * The error of a build that the daemon gave up: STEP_FAILED with the lines and exit code, REGISTRY_AUTH,
 * REGISTRY_UNREACHABLE, NO_SPACE, DAEMON_LOST, else BUILD_FAILED. BuildKit hands on what went wrong below it as text alone, without codes, so that four
 * of these are told by phrases of the kernel, of Go and of the registry protocol.
 */
export function buildFailure(error: unknown, facts: FailureFacts): BuildError {
  if (error instanceof BuildError) return error;
  const {plan, trace} = facts;
  const message = error instanceof ConnectError ? error.rawMessage : messageOf(error);
  if (facts.lost) return lost(error, message);
  const failed = trace.failures()[0];
  const range = failed?.place?.range ?? sourceRange(error) ?? baseRange(plan, failed?.name ?? '');
  const where = {
    file: plan.dockerfile.file,
    source: plan.effectiveText,
    ...(range !== undefined && {range}),
    cause: error,
  };
  const code = /exit code: (\d+)$/.exec(failed?.error ?? '')?.[1];
  if (failed !== undefined && code !== undefined) return stepFailed(failed.name, Number(code), where);
  const known = commonFailure(message, where, facts.askedHosts);
  if (known !== undefined) return known;
  if (failed !== undefined)
    return new BuildError('STEP_FAILED', `${failed.name} failed: ${shortened(failed.error)}`, where);
  if (error instanceof ConnectError && error.code === Code.Unavailable) return lost(error, message);
  return new BuildError('BUILD_FAILED', shortened(message), where);
}

/** A command ran and said no, whatever words it used for that. */
export function stepFailed(name: string, exitCode: number, where: Where): BuildError {
  return new BuildError('STEP_FAILED', `${name} failed: exit code ${exitCode}${signalOf(exitCode)}`, where);
}

export function lost(cause: unknown, message: string): BuildError {
  return new BuildError('DAEMON_LOST', `the connection to the daemon broke during the build: ${message}`, {
    remedy: 'See whether the daemon still runs and what its log says, then build again: finished steps are cached.',
    cause,
  });
}

export interface Where {
  readonly file: string;
  readonly source: string;
  readonly range?: SourceRange;
  readonly cause: unknown;
}

/** Failures that have a remedy of their own, whichever builder reports them; undefined for others. */
export function commonFailure(message: string, where: Where, askedHosts: readonly string[]): BuildError | undefined {
  if (/no space left on device|disk quota exceeded/i.test(message)) {
    return new BuildError('NO_SPACE', `the daemon has no space left: ${shortened(message)}`, {
      ...where,
      remedy: 'Free some on its disk: docker builder prune, docker image prune, docker system df.',
    });
  }
  if (
    /unauthorized|authorization failed|authentication required|access denied|no basic auth|403 Forbidden|401 Unauth/i.test(
      message,
    )
  ) {
    const host = registryHost(message, askedHosts);
    return new BuildError('REGISTRY_AUTH', `${host} refused access: ${shortened(message)}`, {
      ...where,
      remedy: `Check the name of the image, and log in: docker login ${host}.`,
    });
  }
  if (
    /dial tcp|no such host|connection refused|i\/o timeout|TLS handshake/.test(message) &&
    /\/v2\/|registry/.test(message)
  ) {
    const host = registryHost(message, askedHosts);
    return new BuildError('REGISTRY_UNREACHABLE', `the daemon does not reach ${host}: ${shortened(message)}`, {
      ...where,
      remedy: 'Check its network and proxy settings, or make the base image locally: build-image base.',
    });
  }
  return undefined;
}

function registryHost(message: string, askedHosts: readonly string[]): string {
  const named = askedHosts.find((host) => message.includes(host)) ?? askedHosts.at(-1);
  if (named !== undefined) return named;
  const [, url] = /https?:\/\/([^/\s"]+)\/v2\//.exec(message) ?? [];
  if (url !== undefined) return url;
  const [, reference] =
    /(?:for|pull access denied for|load metadata for) ([^\s:]+(?::\d+)?\/[^\s:]+)/.exec(message) ?? [];
  const first = reference?.split('/')[0] ?? '';
  return /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}

/** Lines that the daemon's frontend blames, from the error's details: JSON under a type name that differs by version. */
function sourceRange(error: unknown): SourceRange | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  for (const detail of error.details) {
    if (!('type' in detail) || !detail.type.includes('errdefs.Source')) continue;
    const parsed = parseJson(Buffer.from(detail.value).toString());
    const ranges = (parsed as {ranges?: readonly {start?: {line?: unknown}; end?: {line?: unknown}}[]} | null)?.ranges;
    const start = ranges?.[0]?.start?.line;
    const end = ranges?.[0]?.end?.line ?? start;
    if (typeof start === 'number' && typeof end === 'number' && start > 0) return {start, end: Math.max(start, end)};
  }
  return undefined;
}

/** FROM's lines, where the failed step is the look-up of its image. */
function baseRange({graph}: Plan, step: string): SourceRange | undefined {
  const [, reference] = /^\[internal\] load metadata for (\S+)$/.exec(step) ?? [];
  if (reference === undefined) return undefined;
  const stage = graph.stages.find(({fromName}) => fromName?.endsWith(`] FROM ${reference}`) === true);
  return stage?.statement.instruction.range;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function signalOf(code: number): string {
  if (code === 137) return ' (killed, often for lack of memory)';
  return code > 128 && code < 160 ? ` (ended by signal ${code - 128})` : '';
}

export function shortened(message: string): string {
  // References to the daemon's own copies say nothing to a reader.
  const plain = message
    .replace(/failed to (?:calculate checksum|compute cache key)[^:]*of ref \S+: /g, '')
    .replace(/^failed to solve(?: with frontend \S+)?: (?:failed to create LLB definition: )?/, '');
  const line = plain.trim().replace(/\s*\n\s*/g, '; ');
  return line.length > 600 ? `${line.slice(0, 600)}…` : line;
}
