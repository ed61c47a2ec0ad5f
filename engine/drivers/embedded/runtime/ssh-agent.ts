import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, chownSync, existsSync, rmSync} from 'node:fs';
import {connect, createServer, type Socket} from 'node:net';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {BuildError, hasErrno} from '../../../base/errors.js';

export interface AgentSocket {
  readonly path: string;
  close(): Promise<void>;
}

/** How long ssh-agent may take to start, in ms. */
const patience = 5000;

/** A socket for the container whose connections are passed on to the agent at `target`; the owner can be the step's user. */
export async function forwardSocket(
  path: string,
  target: string,
  owner: {readonly mode: number; readonly uid: number; readonly gid: number},
): Promise<AgentSocket> {
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
  };
  const server = createServer((client) => {
    const agent = connect(target);
    keep(client);
    keep(agent);
    client.on('close', () => agent.destroy());
    agent.on('close', () => client.destroy());
    client.pipe(agent);
    agent.pipe(client);
  });
  server.listen(path);
  await once(server, 'listening');
  chmodSync(path, owner.mode);
  chownSync(path, owner.uid, owner.gid);
  return {
    path,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
      rmSync(path, {force: true});
    },
  };
}

/** An agent of our own with these key files (PEM, no passphrase), in `directory`. Rejects with SECRET_NOT_FOUND, TOOL_MISSING. */
export async function startAgent(
  keys: readonly string[],
  directory: string,
  signal: AbortSignal,
): Promise<AgentSocket> {
  const path = join(directory, 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', path], {stdio: 'ignore'});
  let failure: unknown;
  agent.on('error', (error) => {
    failure = error;
  });
  const close = async () => {
    if (agent.pid !== undefined && agent.exitCode === null && agent.signalCode === null) {
      agent.kill('SIGKILL');
      await once(agent, 'exit');
    }
    rmSync(path, {force: true});
  };
  try {
    const start = Date.now();
    while (!existsSync(path)) {
      if (failure !== undefined) throw missing(failure);
      if (agent.exitCode !== null || Date.now() - start > patience) {
        throw new BuildError('STEP_FAILED', 'ssh-agent does not start', {
          remedy: 'Give --ssh a socket instead of keys.',
        });
      }
      await sleep(10, undefined, {signal});
    }
    for (const key of keys) await addKey(path, key, signal);
    return {path, close};
  } catch (error) {
    await close();
    throw error;
  }
}

async function addKey(socket: string, key: string, signal: AbortSignal): Promise<void> {
  const child = spawn('env', [`SSH_AUTH_SOCK=${socket}`, 'SSH_ASKPASS_REQUIRE=never', 'ssh-add', '-q', '--', key], {
    stdio: ['ignore', 'ignore', 'pipe'],
    signal,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += said.length < 2000 ? chunk.toString() : ''));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status === 0) return;
  throw new BuildError('SECRET_NOT_FOUND', `the SSH key ${key} cannot be used: ${said.trim().split('\n')[0] ?? ''}`, {
    remedy: 'Give a private key without passphrase, or the socket of an agent that holds it (--ssh default).',
  });
}

function missing(error: unknown): unknown {
  if (!hasErrno(error, 'ENOENT')) return error;
  return new BuildError('TOOL_MISSING', 'ssh-agent is not installed', {
    remedy: 'Install it: apt-get install openssh-client',
  });
}
