import {close, fstat, open, read} from 'node:fs';
import {Readable} from 'node:stream';
import type {ContextEntry} from './context.js';
import {isInPlace, plainly} from './open-in-place.js';
import {systemPath} from './raw-path.js';
import {changed, unreadable} from './unreadable.js';

const chunkBytes = 256 * 1024;

/**
 * Content of a file of the context, exactly `entry.size` bytes: a file that is shorter, longer or no file any more fails the
 * stream with CONTEXT_CHANGED, one that may not be read with CONTEXT_UNREADABLE. `absolute` is a byte string without
 * symlinks.
 */
export function fileStream(absolute: string, entry: ContextEntry): Readable {
  let descriptor: number | undefined;
  let left = entry.size;
  const source = new Readable({
    highWaterMark: chunkBytes,
    construct(done) {
      open(systemPath(absolute), plainly, (error, fd) => {
        if (error !== null) {
          done(error.code === 'ELOOP' ? changed(entry.path, 'became a symbolic link') : unreadable(entry.path, error));
          return;
        }
        descriptor = fd;
        fstat(fd, (failure, stats) => {
          if (failure !== null) done(unreadable(entry.path, failure));
          else if (!isInPlace(fd, absolute)) done(changed(entry.path, 'came to lie behind a symbolic link'));
          else if (!stats.isFile()) done(changed(entry.path, 'became something else than a file'));
          else done(stats.size === entry.size ? null : changed(entry.path, howItChanged(stats.size, entry.size)));
        });
      });
    },
    read() {
      if (descriptor === undefined) return;
      // One byte more than is due, to notice a file that grew.
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, left + 1));
      read(descriptor, buffer, 0, buffer.length, null, (error, count) => {
        if (error !== null) {
          source.destroy(unreadable(entry.path, error));
        } else if (count > left) {
          source.destroy(changed(entry.path, 'grew'));
        } else if (count === 0) {
          if (left > 0) source.destroy(changed(entry.path, 'shrank'));
          else source.push(null);
        } else {
          left -= count;
          source.push(buffer.subarray(0, count));
        }
      });
    },
    destroy(error, done) {
      if (descriptor === undefined) done(error);
      else close(descriptor, (failure) => done(error ?? failure));
    },
  });
  return source;
}

const howItChanged = (now: number, before: number): string => (now > before ? 'grew' : 'shrank');
