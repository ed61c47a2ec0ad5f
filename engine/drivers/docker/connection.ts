import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {connect as connectSocket} from 'node:net';
import {Duplex} from 'node:stream';
import {connect as connectTls} from 'node:tls';
import {authorities} from '../../base/authorities.js';
import type {DockerEndpoint} from './endpoint.js';

/**
 * A byte stream to the daemon, connected (over ssh: started; a failure there ends the stream with an error that holds
 * what ssh said). The caller destroys it. Rejects with the platform's error; an abort before the connection stands
 * destroys it, later the stream is the caller's.
 */
export async function connectDaemon(endpoint: DockerEndpoint, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  if (endpoint.kind === 'ssh') return overSsh(endpoint);
  const tls = endpoint.kind === 'tcp' ? endpoint.tls : undefined;
  const ca = tls === undefined ? undefined : (tls.ca ?? (await authorities()));
  const socket =
    endpoint.kind === 'unix'
      ? connectSocket({path: endpoint.path})
      : tls === undefined
        ? connectSocket({host: endpoint.host, port: endpoint.port})
        : connectTls({
            host: endpoint.host,
            port: endpoint.port,
            // Server names are for names only.
            ...(!/^[\d.]+$|:/.test(endpoint.host) && {servername: endpoint.host}),
            ...(ca !== undefined && {ca}),
            ...(tls.cert !== undefined && {cert: tls.cert}),
            ...(tls.key !== undefined && {key: tls.key}),
            rejectUnauthorized: tls.verify,
          });
  try {
    await once(socket, tls === undefined ? 'connect' : 'secureConnect', {signal});
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  }
}

/** Arguments of `ssh` for a daemon that is reached through `docker system dial-stdio` on its host. */
export function sshArguments(endpoint: Extract<DockerEndpoint, {kind: 'ssh'}>): readonly string[] {
  const remote = endpoint.socket === undefined ? [] : ['--host', shellQuote(`unix://${endpoint.socket}`)];
  return [
    ...['-o', 'ConnectTimeout=30', '-o', 'BatchMode=yes', '-T'],
    ...(endpoint.user === undefined ? [] : ['-l', endpoint.user]),
    ...(endpoint.port === undefined ? [] : ['-p', String(endpoint.port)]),
    ...['--', endpoint.host, 'docker', ...remote, 'system', 'dial-stdio'],
  ];
}

// ssh hands its words to a shell over there.
function shellQuote(word: string): string {
  return /^[\w:/.@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * The pipe pair of ssh as one stream. It ends only when ssh has, so that a failure there arrives as what ssh said and
 * not as an end of data in the middle of an answer.
 */
function overSsh(endpoint: Extract<DockerEndpoint, {kind: 'ssh'}>): Duplex {
  const child = spawn('ssh', sshArguments(endpoint), {stdio: ['pipe', 'pipe', 'pipe']});
  const {stdin, stdout, stderr} = child;
  let said = '';
  let ended = false;
  const stream = new Duplex({
    read: () => void stdout.resume(),
    write: (chunk: Buffer, _encoding, done) => void stdin.write(chunk, (error) => done(error ?? null)),
    final: (done) => void stdin.end(done),
    destroy: (error, done) => {
      if (!ended) child.kill('SIGTERM');
      for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
      done(error);
    },
  });
  stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) stdout.pause();
  });
  // A broken pipe means that ssh is gone: `close` says why.
  stdin.on('error', () => undefined);
  child.once('error', (error) => stream.destroy(error));
  child.once('close', (status) => {
    ended = true;
    if (status === 0) stream.push(null);
    else stream.destroy(new Error(`ssh ended with status ${status ?? 'of a signal'}: ${said.trim() || 'no message'}`));
  });
  return stream;
}
