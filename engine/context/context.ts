import type {Readable} from 'node:stream';
import type {FileType} from '../base/file-type.js';

/** One path of the build context. */
export interface ContextEntry {
  /** Relative to the context's root, `/` between components, no leading `./`; invalid UTF-8 shown as U+FFFD. */
  readonly path: string;
  /** The same path in the file system's own bytes. */
  readonly rawPath: Buffer;
  readonly type: FileType;
  /** Permission bits with setuid, setgid and sticky (07777). */
  readonly mode: number;
  /** Bytes; 0 for anything but a file. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Target of a symlink, as stored. */
  readonly link: string | undefined;
  /** Its bytes, where they are no UTF-8. */
  readonly rawLink?: Buffer;
  /** `device:inode` where more than one path names the file. */
  readonly hardlink: string | undefined;
  /** Major and minor number of a device. */
  readonly device: readonly [number, number] | undefined;
}

/** Files a build may read: a directory on disk behind its ignore rules. Owner and group never count: builders see 0:0. */
export interface BuildContext {
  /** As the user named it: `.`, `-`, a Git URL. */
  readonly name: string;
  /** Absolute path of the directory on disk (for a Git URL, tarball or stdin a temporary one). */
  readonly root: string;
  /** Ignore rules in force, as written in the ignore file, comments left out; none where there is no such file. */
  readonly ignorePatterns: readonly string[];
  /** The ignore file, relative to what the user named; undefined where there is none. */
  readonly ignoreFile: string | undefined;
  /**
   * What is sent, parents before children, the names of one directory in byte order, depth first (the order of BuildKit's
   * fsutil). Rejects with CONTEXT_UNREADABLE naming the path.
   */
  walk(signal: AbortSignal): AsyncIterable<ContextEntry>;
  /** Content of a regular file, which must not have grown or shrunk: else the stream fails with CONTEXT_CHANGED. */
  open(entry: ContextEntry): Readable;
  /** Removes what was made to hold the context. Idempotent. */
  close(): Promise<void>;
}
