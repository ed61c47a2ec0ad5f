/**
 * One case of the conformance suite: a Dockerfile and a context, and what the current builder makes of them, recorded as
 * facts under test/fixtures/conformance/ by scripts/record-conformance.
 */
export interface ConformanceCase {
  /** Unique; a sentence that says what is looked at. */
  readonly name: string;
  readonly dockerfile: string;
  readonly context?: Tree;
  /** `.dockerignore` is a file of the tree like any other. */
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** Further arguments that both command lines know; `$BESIDE` is the directory that `beside` is made in. */
  readonly flags?: readonly string[];
  readonly beside?: Tree;
  /** What our own message has to say where the build fails. */
  readonly says?: RegExp;
}

/** Paths (parents are made) and what is there. A byte that is no UTF-8 is written `\xNN` in a path or a link's target. */
export type Tree = Readonly<Record<string, Node>>;

export type Node =
  /** A file of mode 0644. */
  | string
  | (Attributes & {readonly content: string})
  | (Attributes & {readonly base64: string})
  /** A file of so many bytes that begins with a line of text and is a hole otherwise. */
  | (Attributes & {readonly sparse: number})
  | (Attributes & {readonly directory: true})
  | (Attributes & {readonly fifo: true})
  | (Attributes & {readonly device: readonly [number, number]})
  | (Pick<Attributes, 'mtime'> & {readonly link: string})
  | {readonly hardlink: string}
  | (Attributes & {readonly tar: readonly TarMember[]; readonly gzip?: boolean});

interface Attributes {
  /** Default 0644, for directories 0755. */
  readonly mode?: number;
  /** Seconds since 1970; default `defaultMtime`. */
  readonly mtime?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** One header of a tar, written as it stands, hostile or not. */
export interface TarMember {
  readonly name: string;
  readonly type?: 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';
  readonly content?: string;
  readonly link?: string;
  /** Default 0644, for directories 0755. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly device?: readonly [number, number];
  /** Records of a pax header before it. */
  readonly pax?: Readonly<Record<string, string>>;
}

/** 2020-01-02T03:04:05Z. */
export const defaultMtime = 1_577_934_245;

/** What a build gave: a listing of the target's root, or that it failed (the builder's words, for people). */
export type Outcome = {readonly listing: readonly string[]; readonly image?: unknown} | {readonly error: string};
