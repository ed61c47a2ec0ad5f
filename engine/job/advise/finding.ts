import type {StageGraph} from '../../stages/graph.js';
import type {EarlierBuilds} from '../explain/explain-steps.js';

/** What advice goes by: the Dockerfile as it is now, and the builds before. */
export interface Use {
  readonly graph: StageGraph;
  /** Hides the values of secrets, as the history does. */
  readonly redact: (text: string) => string;
  /** Newest first, of one project. */
  readonly past: EarlierBuilds;
  /** What the context would send now; undefined where that is not known. */
  readonly sent: readonly SentFile[] | undefined;
}

export interface SentFile {
  /** Relative to the context. */
  readonly path: string;
  readonly size: number;
}

/** Something that past builds show to be of no use, or in the wrong place. */
export interface Finding {
  /** A build argument; files that changed; files that nothing reads; an instruction to be moved down. */
  readonly kind: 'arg' | 'files' | 'unread' | 'move';
  /** Of the Dockerfile; 0: of no line. */
  readonly line: number;
  /** First line of the instruction as it is written; empty where there is none. */
  readonly instruction: string;
  /** Of the argument, or paths in the context; one of a directory ends with a slash. */
  readonly names: readonly string[];
  /** That show it. */
  readonly builds: number;
  /** Seconds that steps of those builds took for nothing. */
  readonly seconds: number;
  /** A sentence without the instruction. */
  readonly text: string;
}
