/** A RUN's mounts with everything looked up: where the files are on this machine, and the values of secrets. */
export type StepMount =
  | {
      readonly type: 'bind';
      /** Absolute path in the container. */
      readonly target: string;
      /** Directory of this machine that is the source's `/`. */
      readonly root: string;
      /** Path in it; resolved inside it. */
      readonly path: string;
      /** False: the step may write; what it writes is thrown away. */
      readonly readOnly: boolean;
    }
  | {
      readonly type: 'cache';
      readonly target: string;
      /** Directory of all cache mounts of the store. */
      readonly store: string;
      readonly id: string;
      readonly sharing: 'shared' | 'private' | 'locked';
      readonly readOnly: boolean;
      /** Of the directory when it is made without `initial`: 0755, 0, 0. */
      readonly mode: number | undefined;
      readonly uid: number | undefined;
      readonly gid: number | undefined;
      /** What it has when it is made; `key` stands for the content. */
      readonly initial: {readonly root: string; readonly path: string; readonly key: string} | undefined;
    }
  /** `size` in bytes. */
  | {readonly type: 'tmpfs'; readonly target: string; readonly size: number | undefined}
  | {
      readonly type: 'secret';
      /** Undefined: only the environment variable. */
      readonly target: string | undefined;
      readonly env: string | undefined;
      readonly value: Uint8Array;
      /** 0400, 0, 0. */
      readonly mode: number | undefined;
      readonly uid: number | undefined;
      readonly gid: number | undefined;
    }
  | {
      readonly type: 'ssh';
      /** Undefined: `/run/buildkit/ssh_agent.N`. */
      readonly target: string | undefined;
      /** Undefined: none was given, and the step can do without; it is told the path all the same. */
      readonly agent: {readonly socket: string} | {readonly keys: readonly string[]} | undefined;
      /** Of the socket: 0600, 0, 0. */
      readonly mode: number | undefined;
      readonly uid: number | undefined;
      readonly gid: number | undefined;
    };
