import {constants} from 'node:os';

/** The exit status of a process as a shell has it, of what `exit` and `close` of a child say: 128 and the signal's number where it was killed. */
export const exitStatus = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + constants.signals[signal ?? 'SIGTERM'];
