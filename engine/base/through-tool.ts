import {spawn} from 'node:child_process';
import {pipeline} from 'node:stream/promises';
import {BuildError, hasErrno} from './errors.js';

/**
 * What a program such as bzip2 makes of `source`, from its standard input to its standard output. The program ends with the reader.
 * Throws BuildError TOOL_MISSING where it is not installed, and an Error where it fails.
 */
export async function* throughTool(
  command: string,
  args: readonly string[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const child = spawn(command, args, {stdio: ['pipe', 'pipe', 'ignore']});
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const fed = pipeline(source, child.stdin);
  for (const promise of [ended, fed]) promise.catch(() => undefined);
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const status = await ended;
    if (status !== 0) throw new Error(`${command} ended with status ${String(status)}`);
    await fed;
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    throw new BuildError('TOOL_MISSING', `${command} is needed to decompress this, and is not installed`, {
      cause: error,
      remedy: `Install it (apt-get install ${command === 'xz' ? 'xz-utils' : command}), or compress with gzip.`,
    });
  } finally {
    child.kill('SIGKILL');
  }
}
