import {BuildError, type ErrorCode, type ErrorDetails, hasErrno, messageOf, quote} from '../../base/errors.js';
import type {BuildContext} from '../../context/context.js';
import type {BuildEventBody} from '../../progress/events.js';
import type {Plan} from '../../plan/plan.js';
import type {RegistryCredentials} from '../../registry/credentials.js';
import type {BuildRequest, NamedContext, ShellRequest} from '../driver.js';
import type {BuildOutcome} from './build.js';

/** A context as it crosses to the executor, which opens the directory again behind the same rules. */
export interface WireContext {
  readonly name: string;
  readonly root: string;
  readonly ignorePatterns: readonly string[];
  readonly ignoreFile: string | undefined;
}

export type WireNamedContext =
  {readonly kind: 'directory'; readonly context: WireContext} | Exclude<NamedContext, {readonly kind: 'directory'}>;

export type WireRequest = Omit<BuildRequest, 'context' | 'contexts' | 'credentials'> & {
  readonly context: WireContext;
  readonly contexts: ReadonlyMap<string, WireNamedContext>;
};

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Omit<ErrorDetails, 'cause'>;
}

/** From the front to the executor. */
export type ToExecutor =
  /** One of the others follows, or nothing. */
  | {readonly type: 'prepare'; readonly rootless: boolean}
  | {
      readonly type: 'build';
      readonly root: string;
      readonly rootless: boolean;
      readonly plan: Plan;
      readonly request: WireRequest;
    }
  | {
      readonly type: 'shell';
      readonly root: string;
      readonly rootless: boolean;
      readonly plan: Plan;
      readonly request: WireRequest;
      readonly shell: ShellRequest;
    }
  | {readonly type: 'credentials'; readonly id: number; readonly found: RegistryCredentials | undefined}
  /** An output message has been taken: the next may come. */
  | {readonly type: 'output-taken'}
  | {readonly type: 'abort'};

/** From the executor to the front. */
export type FromExecutor =
  | {readonly type: 'events'; readonly events: readonly BuildEventBody[]}
  | {readonly type: 'ask-credentials'; readonly id: number; readonly host: string}
  /** Bytes of an output to standard output; answered by `output-taken`. */
  | {readonly type: 'output'; readonly bytes: Uint8Array}
  | {readonly type: 'done'; readonly outcome: BuildOutcome}
  | {readonly type: 'shell-ended'; readonly status: number}
  | {readonly type: 'failed'; readonly error: WireError};

export function wireRequest(request: BuildRequest): WireRequest {
  const contexts = [...request.contexts].map(([name, named]): [string, WireNamedContext] => [
    name,
    named.kind === 'directory' ? {kind: 'directory', context: wireContext(named.context)} : named,
  ]);
  return {...without(request, 'credentials'), context: wireContext(request.context), contexts: new Map(contexts)};
}

function wireContext({name, root, ignorePatterns, ignoreFile}: BuildContext): WireContext {
  return {name, root, ignorePatterns, ignoreFile};
}

export function wireError(error: unknown): WireError {
  if (error instanceof BuildError) {
    // A cause may be anything, also what cannot cross.
    return {code: error.code, message: error.message, details: without(error.details, 'cause')};
  }
  if (hasErrno(error, 'ENOSPC', 'EDQUOT')) {
    const remedy = 'Free some space, or choose another place with --root.';
    return {code: 'NO_SPACE', message: `no space left on the device: ${messageOf(error)}`, details: {remedy}};
  }
  // A step can make what no path leads to.
  if (hasErrno(error, 'ENAMETOOLONG')) {
    const path = error.path === undefined ? 'a path' : quote(error.path);
    const message = `${path} of the image is longer than a path can be on this system`;
    return {code: 'UNSUPPORTED', message, details: {remedy: 'Have the steps leave no directories that deep.'}};
  }
  return {code: 'IO', message: `internal error of the executor: ${messageOf(error)}`, details: {}};
}

export function errorOf({code, message, details}: WireError): BuildError {
  return new BuildError(code, message, details);
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const copy: Partial<T> = {...value};
  Reflect.deleteProperty(copy, key);
  return copy as Omit<T, K>;
}
