import {parentPort} from 'node:worker_threads';
import {messageOf} from '../../../base/errors.js';
import {errnoOf} from '../../../base/syscalls.js';
import {copyFile, type FileJob} from './file-copy.js';

/** What a worker answers: that all are done, and no source may be something else meanwhile; or which failed and why. */
export type Answer =
  | {readonly isSure: boolean}
  | {
      readonly failed: FileJob;
      readonly message: string;
      readonly errno: string | undefined;
      readonly code: string | undefined;
    };

const port = parentPort;
port?.on('message', (jobs: readonly FileJob[]) => {
  let isSure = true;
  for (const job of jobs) {
    try {
      if (!copyFile(job)) isSure = false;
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
  const answer: Answer = {isSure};
  port.postMessage(answer);
});
