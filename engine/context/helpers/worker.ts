import {parentPort} from 'node:worker_threads';
import {fillPlaces, statPaths} from './jobs.js';
import type {Job} from './helpers.js';

/** A helper thread: does the jobs it is sent, in their order, and answers each with its number. */
const port = parentPort;
if (port === null) throw new Error('this module is the start of a thread');

async function answer(job: Job): Promise<{readonly reply: unknown; readonly transfer: readonly ArrayBuffer[]}> {
  switch (job.kind) {
    case 'stat': {
      const reply = statPaths(job);
      return {reply, transfer: [reply.numbers.buffer as ArrayBuffer, reply.identities.buffer as ArrayBuffer]};
    }
    case 'fill': {
      const reply = fillPlaces(job);
      return {reply, transfer: [reply.buffer]};
    }
    case 'hash': {
      const {hashFiles} = await import('./hash-job.js');
      return {reply: hashFiles(job), transfer: []};
    }
  }
}

port.on('message', ({id, job}: {readonly id: number; readonly job: Job}) => {
  void answer(job).then(
    ({reply, transfer}) => port.postMessage({id, reply}, transfer),
    (error: unknown) => port.postMessage({id, error}),
  );
});
port.postMessage('ready');
