import type {WorkerOptions} from 'node:worker_threads';

/** How a worker thread is started that calls the system itself and prints nothing. */
export const quietThread: WorkerOptions = {
  // Else Node warns of descriptors that our own system calls have opened.
  trackUnmanagedFds: false,
  // Else Node opens this process's own streams for it.
  stdout: true,
  stderr: true,
};
