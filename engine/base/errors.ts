/** Lines of a text, 1-based and inclusive. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

/** Columns within `range.start`, 1-based; `end` is exclusive. */
export interface SourceColumns {
  readonly start: number;
  readonly end: number;
}

/**
 * Every error code and the exit status it leads to: 1 the build or a check failed, 2 wrong usage or Dockerfile, 3 the
 * environment lacks something, 130 cancelled. Callers branch on codes, never on message text.
 */
export const exitStatusOf = {
  // usage
  USAGE: 2,
  CONFIG_INVALID: 2,
  BUILD_ARG_INVALID: 2,
  // Dockerfile
  DOCKERFILE_NOT_FOUND: 2,
  DOCKERFILE_SYNTAX: 2,
  DOCKERFILE_INSTRUCTION: 2,
  DOCKERFILE_FLAG: 2,
  DOCKERFILE_WORD: 2,
  DOCKERFILE_STAGE: 2,
  DOCKERFILE_EMPTY: 2,
  // references and OCI data
  REFERENCE_INVALID: 2,
  DIGEST_INVALID: 2,
  DIGEST_MISMATCH: 1,
  OCI_INVALID: 1,
  PLATFORM_INVALID: 2,
  // context
  CONTEXT_NOT_FOUND: 2,
  CONTEXT_UNREADABLE: 1,
  CONTEXT_INVALID: 2,
  CONTEXT_CHANGED: 1,
  IGNORE_PATTERN: 2,
  GIT_FAILED: 1,
  // compose
  COMPOSE_NOT_FOUND: 2,
  COMPOSE_SYNTAX: 2,
  COMPOSE_INVALID: 2,
  COMPOSE_INTERPOLATION: 2,
  // building
  BUILD_FAILED: 1,
  STEP_FAILED: 1,
  CHECK_FAILED: 1,
  NOT_FOUND: 1,
  UNSUPPORTED: 2,
  SECRET_NOT_FOUND: 2,
  TIMEOUT: 1,
  // artifacts
  ARTIFACT_NOT_FOUND: 1,
  ARTIFACT_INVALID: 1,
  ARTIFACT_UNSAFE_PATH: 1,
  ARCHIVE_INVALID: 1,
  // registry and delivery
  REGISTRY_AUTH: 1,
  REGISTRY_FAILED: 1,
  REGISTRY_UNREACHABLE: 3,
  MIRROR_UNREACHABLE: 3,
  CREDENTIALS_INVALID: 2,
  // environment
  DAEMON_UNREACHABLE: 3,
  DAEMON_LOST: 3,
  DAEMON_FAILED: 1,
  TOOL_MISSING: 3,
  RUNTIME_MISSING: 3,
  KERNEL_REFUSED: 3,
  NO_SPACE: 3,
  STORE_CORRUPT: 3,
  STORE_LOCKED: 3,
  IO: 3,
  // cancelled
  CANCELLED: 130,
} as const satisfies Record<string, 1 | 2 | 3 | 130>;

export type ErrorCode = keyof typeof exitStatusOf;

export interface ErrorDetails {
  /** Lines of `source` that the error is about. */
  readonly range?: SourceRange;
  /** What the caret underlines. */
  readonly columns?: SourceColumns;
  /** File the range belongs to, as the user named it. */
  readonly file?: string;
  /** Whole text of that file, for the excerpt. */
  readonly source?: string;
  /** One sentence: what to do about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** The one error that crosses room borders. `message` is one line without position; `formatError` adds file and excerpt. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /** By its name: each of the bundled programs has a copy of this class, and the errors of one reach another. */
  static override [Symbol.hasInstance](value: unknown): value is BuildError {
    return value instanceof Error && value.name === 'BuildError' && 'code' in value && 'details' in value;
  }

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, {cause: details.cause});
    this.code = code;
    this.details = details;
  }

  get range(): SourceRange | undefined {
    return this.details.range;
  }

  /**
   * The same error with the details that were not known where it was thrown; what is already there stays. Lines of another file
   * than its own are left out.
   */
  with(details: ErrorDetails): BuildError {
    const {file = details.file} = this.details;
    const {remedy, cause} = details;
    const elsewhere = {...(remedy !== undefined && {remedy}), ...(cause !== undefined && {cause})};
    const given = file === details.file ? details : elsewhere;
    const merged = new BuildError(this.code, this.message, {...given, ...this.details});
    if (this.stack !== undefined) merged.stack = this.stack;
    return merged;
  }
}

/** True for an error of the platform (`ENOENT`, `ECONNREFUSED`, …) with one of `codes`. */
export function hasErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Text in double quotes with control characters visible, shortened to 200 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
