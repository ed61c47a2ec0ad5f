import type {BuildError, SourceRange} from '../base/errors.js';

/** One here-document of an instruction (Dockerfile reference: "Here-Documents"). */
export interface Heredoc {
  /** The delimiter word without quotes. */
  readonly name: string;
  /** The body; with `chomp` (`<<-`) leading tabs of each line are still here, and are removed where it is used. */
  readonly content: string;
  /** False where the delimiter was quoted: variables stay as they are. */
  readonly expand: boolean;
  /** `<<-`: leading tabs are removed. */
  readonly chomp: boolean;
}

/** One statement of the Dockerfile, before any expansion. */
export interface Instruction {
  /** Upper case. */
  readonly keyword: string;
  /** `--name=value` words between the keyword and the arguments, quotes and escapes removed. */
  readonly flags: readonly string[];
  /**
   * JSON form: its strings. Otherwise the words of the instruction, raw; one element for a shell command, and for what takes
   * the rest of the line (WORKDIR, USER, …). Legacy `ENV KEY the value`: two. ONBUILD: the trigger's keyword and arguments.
   */
  readonly args: readonly string[];
  /** The arguments were a JSON array of strings. */
  readonly json: boolean;
  /** The logical line: continuations joined, comment lines left out, here-document bodies not included. */
  readonly original: string;
  readonly range: SourceRange;
  readonly heredocs: readonly Heredoc[];
  /** Comment lines since the instruction before, without `#` and the space around; those above an empty comment do not count. */
  readonly comments: readonly string[];
}

/** Parser directives at the head of the file (Dockerfile reference: "Parser directives"). */
export interface Directives {
  readonly syntax: string | undefined;
  readonly escape: '\\' | '`';
  /** As written after `# check=`. */
  readonly check: string | undefined;
}

export interface Dockerfile {
  /** As the user named it; used in errors only. */
  readonly file: string;
  readonly text: string;
  readonly directives: Directives;
  readonly instructions: readonly Instruction[];
}

export interface KeyValue {
  readonly key: string;
  /** Raw: quotes and `$` still in it. */
  readonly value: string;
  /** `KEY value` instead of `KEY=value`. */
  readonly legacy: boolean;
}

/** A command in its JSON form (`argv`), or as text for the stage's shell. */
export interface Command {
  readonly shell: boolean;
  /** JSON form: the words. Shell form: one element, the command text (empty for `CMD` alone). */
  readonly argv: readonly string[];
}

/** `RUN --mount=…`: options in their order, raw. Interpreted by `parseMount` after expansion. */
export interface RawMount {
  readonly text: string;
}

/** `RUN --device=NAME[,required]`: one device, all of a vendor, or a class of them. */
export interface Device {
  readonly name: string;
  /** The step fails without it; else it runs without it. */
  readonly required: boolean;
}

export interface FileTransfer {
  /** Raw words; a here-document stands as its `<<NAME` word. */
  readonly sources: readonly string[];
  readonly destination: string;
  readonly from: string | undefined;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly excludes: readonly string[];
}

/** Typed instructions. Every string is raw (not expanded) unless its comment says otherwise. */
export type Statement = {readonly instruction: Instruction} & (
  | {
      readonly kind: 'from';
      readonly image: string;
      readonly as: string | undefined;
      readonly platform: string | undefined;
    }
  | {readonly kind: 'arg'; readonly args: readonly {readonly name: string; readonly default: string | undefined}[]}
  | {readonly kind: 'env'; readonly pairs: readonly KeyValue[]}
  | {readonly kind: 'label'; readonly pairs: readonly KeyValue[]}
  | {
      readonly kind: 'run';
      readonly command: Command;
      readonly mounts: readonly RawMount[];
      readonly network: string | undefined;
      readonly security: string | undefined;
      readonly devices: readonly Device[];
    }
  | ({readonly kind: 'copy'} & FileTransfer)
  | ({
      readonly kind: 'add';
      readonly checksum: string | undefined;
      readonly keepGitDir: boolean;
      /** `--unpack=true|false`; undefined: local archives only. */
      readonly unpack: boolean | undefined;
    } & FileTransfer)
  | {readonly kind: 'cmd'; readonly command: Command}
  | {readonly kind: 'entrypoint'; readonly command: Command}
  | {readonly kind: 'expose'; readonly ports: readonly string[]}
  | {readonly kind: 'volume'; readonly paths: readonly string[]}
  | {readonly kind: 'user'; readonly user: string}
  | {readonly kind: 'workdir'; readonly path: string}
  | {
      readonly kind: 'onbuild';
      /** Taken apart like a line of its own. */
      readonly trigger: Instruction;
      /** Why no image could be built on this one; BuildKit says so only there, so the image itself is built. */
      readonly problem: BuildError | undefined;
    }
  | {readonly kind: 'stopsignal'; readonly signal: string}
  | {
      readonly kind: 'healthcheck';
      /** Undefined: `HEALTHCHECK NONE`. */
      readonly test: Command | undefined;
      /** Nanoseconds; 0: inherited. */
      readonly interval: number;
      readonly timeout: number;
      readonly startPeriod: number;
      readonly startInterval: number;
      readonly retries: number;
    }
  | {readonly kind: 'shell'; readonly argv: readonly string[]}
  | {readonly kind: 'maintainer'; readonly name: string}
);

export type StatementKind = Statement['kind'];
/** The statement of one kind: `StatementOf<'copy'>`. */
export type StatementOf<K extends StatementKind> = Extract<Statement, {readonly kind: K}>;

/** A problem that does not stop the build: BuildKit's build checks by their published names, and our own. */
export interface Warning {
  /** `StageNameCasing`, `UnusedBuildArg`, … */
  readonly rule: string;
  readonly message: string;
  /** 1-based line; 0 where the problem has no line (an override on the command line). */
  readonly line: number;
  readonly range: SourceRange | undefined;
  /** Page of the published rule, where it has one. */
  readonly url: string | undefined;
}
