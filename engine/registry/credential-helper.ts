import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {BuildError, hasErrno, messageOf} from '../base/errors.js';
import type {CredentialOptions, RegistryCredentials} from './credentials.js';

const limitMs = 10_000;
const mostBytes = 1024 * 1024;

/**
 * Runs `docker-credential-<helper> get` with the server's name on standard input (the protocol of
 * docker-credential-helpers). Undefined where the helper knows no credentials. The helper is killed with its process
 * group after 10 s. Nothing it prints enters a message: on failure it may have printed the secret.
 */
export async function askCredentialHelper(
  helper: string,
  server: string,
  options: CredentialOptions,
  signal: AbortSignal,
): Promise<RegistryCredentials | undefined> {
  signal.throwIfAborted();
  const program = `docker-credential-${helper}`;
  const failed = (message: string, cause?: unknown): BuildError =>
    new BuildError('CREDENTIALS_INVALID', `${program}: ${message}`, {
      file: options.configPath,
      remedy: `Run "${program} get" by hand with ${server} on its standard input to see what it says.`,
      cause,
    });
  const child = spawn(program, ['get'], {
    env: Object.fromEntries(options.environment),
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const timeout = AbortSignal.timeout(limitMs);
  const kill = (): void => {
    try {
      // Its own group: a shell script's children would keep the pipe open.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
    child.stdout.destroy();
  };
  const either = AbortSignal.any([signal, timeout]);
  either.addEventListener('abort', kill, {once: true});
  try {
    const closed = once(child, 'close') as Promise<[number | null]>;
    child.stdin.on('error', () => undefined); // It may answer without reading.
    child.stdin.end(server);
    const [output, [status]] = await Promise.all([collect(child.stdout, kill), closed]);
    either.throwIfAborted();
    if (output === undefined) throw failed(`printed more than ${mostBytes} bytes`);
    const notFound = /credentials not found in native keychain/i.test(output);
    if (notFound) return undefined;
    if (status !== 0) throw failed(`failed with status ${status ?? 'of a signal'} for ${server}`);
    return parseAnswer(output) ?? fail(failed('its answer is not a JSON object with Username and Secret'));
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) throw failed(`gave no answer for ${server} within ${limitMs / 1000} s`);
    if (error instanceof BuildError) throw error;
    if (hasErrno(error, 'ENOENT', 'EACCES')) {
      throw new BuildError('TOOL_MISSING', `the credential helper ${program} is not in PATH`, {
        file: options.configPath,
        remedy: `Install ${program}, or take it out of the file.`,
        cause: error,
      });
    }
    throw failed(messageOf(error), error);
  } finally {
    either.removeEventListener('abort', kill);
    // What it may have left running; a group without members answers ESRCH.
    kill();
  }
}

function fail(error: BuildError): never {
  throw error;
}

/** All of it as text, or undefined, after `stop`, where it is too much. */
async function collect(stream: AsyncIterable<Buffer>, stop: () => void): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > mostBytes) {
      stop();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseAnswer(output: string): RegistryCredentials | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null) return undefined;
  const {Username: username, Secret: secret} = answer as Readonly<Record<string, unknown>>;
  if (typeof username !== 'string' || typeof secret !== 'string') return undefined;
  // The protocol marks an identity token by this user name.
  return username === '<token>' ? {username: '', password: '', identityToken: secret} : {username, password: secret};
}
