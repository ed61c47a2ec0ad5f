import {parentPort} from 'node:worker_threads';
import {messageOf} from '../../../base/errors.js';
import {errnoOf} from '../../../base/syscalls.js';
import {copyFile, type FileJob} from './file-copy.js';

/** What a worker answers: how many are done, or which failed and why. */
export type Answer =
  | {readonly done: number}
  | {
      readonly failed: FileJob;
      readonly message: string;
      readonly errno: string | undefined;
      readonly code: string | undefined;
    };

const port = parentPort;
port?.on('message', (jobs: readonly FileJob[]) => {
  for (const job of jobs) {
    try {
      copyFile(job);
    } catch (error) {
      const code = (error as {code?: unknown}).code;
      const answer: Answer = {
        failed: job,
        message: messageOf(error),
        errno: errnoOf(error),
        code: typeof code === 'string' ? code : undefined,
      };
      port.postMessage(answer);
      return;
    }
  }
  const answer: Answer = {done: jobs.length};
  port.postMessage(answer);
});
