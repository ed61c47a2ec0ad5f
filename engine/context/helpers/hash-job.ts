import {createHash} from 'node:crypto';
import {closeSync, readSync} from 'node:fs';
import {each, openSource, type Failure} from './jobs.js';

export interface HashJob {
  readonly kind: 'hash';
  readonly root: string;
  /** Joined with NUL. */
  readonly paths: string;
  /** Size in bytes and permissions (07777) of each. */
  readonly expected: Float64Array;
}

export interface HashReply {
  /** 64 hex digits a file. */
  readonly digests: string;
  readonly failure: Failure | undefined;
}

export const expectedEach = 2;
const bufferBytes = 256 * 1024;
let buffer: Buffer | undefined;

/** Digests of regular files. */
export function hashFiles(job: HashJob): HashReply {
  const space = (buffer ??= Buffer.allocUnsafe(bufferBytes));
  const digests: string[] = [];
  const failure = each(job.paths.split('\0'), (raw, index) => {
    const size = job.expected[index * expectedEach] ?? 0;
    const file = openSource(job.root, raw);
    try {
      const hash = createHash('sha256');
      let length = 0;
      for (;;) {
        const count = readSync(file, space, 0, bufferBytes, null);
        length += count;
        if (length > size) return 'grew';
        if (count > 0) hash.update(count === bufferBytes ? space : space.subarray(0, count));
        if (count === 0 || (length === size && count < bufferBytes)) break;
      }
      if (length < size) return 'shrank';
      const mode = job.expected[index * expectedEach + 1] ?? 0;
      digests.push(digestOfFields(['file', mode.toString(8), '', '', hash.digest('hex')]));
      return undefined;
    } finally {
      closeSync(file);
    }
  });
  return {digests: digests.join(''), failure};
}

/** Type, permissions in octal, link target, device, hash of the data: what a digest covers. 64 hex digits. */
export const digestOfFields = (fields: readonly [string, string, string, string, string]): string =>
  createHash('sha256').update(JSON.stringify(fields)).digest('hex');
