import {StringDecoder} from 'node:string_decoder';
import {BuildError} from '../../../base/errors.js';

/** Characters of one message at most: what does not end is no message. */
const mostCharacters = 16 * 1024 * 1024;

/** The JSON objects of a stream, which has one a line; a last line without its end counts too. */
export async function* ndjson(body: AsyncIterable<Uint8Array>): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > mostCharacters) throw malformed('a message does not end');
    for (const line of lines) if (line.trim() !== '') yield parse(line);
  }
  if (rest.trim() !== '') yield parse(rest);
}

function parse(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw malformed('a message is not JSON', error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('a message is no object');
  return value as Readonly<Record<string, unknown>>;
}

function malformed(reason: string, cause?: unknown): BuildError {
  return new BuildError('DAEMON_FAILED', `the answer of the daemon cannot be read: ${reason}`, {cause});
}
