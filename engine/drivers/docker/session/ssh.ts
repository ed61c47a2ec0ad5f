import {execFile, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {connect, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {Code, ConnectError} from '@connectrpc/connect';
import {BuildError, hasErrno, messageOf, quote} from '../../../base/errors.js';
import type {BuildRequest} from '../../driver.js';
import {Ssh} from '../wire/messages.js';
import {type Attachable, rawHeaders} from './session.js';

/** Sockets of ssh agents by id, and what ends those that were started for key files. */
export interface SshAgents {
  readonly sockets: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** Starts an agent for each id that has key files. Rejects with TOOL_MISSING or SECRET_NOT_FOUND. */
export async function openAgents(ssh: BuildRequest['ssh'], signal: AbortSignal): Promise<SshAgents> {
  const sockets = new Map<string, string>();
  const ends: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0)) await end();
  };
  try {
    for (const [id, source] of ssh) {
      if ('socket' in source) {
        sockets.set(id, source.socket);
        continue;
      }
      const agent = await startAgent(signal);
      ends.push(agent.close);
      for (const key of source.keys) await addKey(agent.socket, key, signal);
      sockets.set(id, agent.socket);
    }
    return {sockets, close};
  } catch (error) {
    await close();
    throw error;
  }
}

/** Milliseconds until an agent listens. */
const agentStart = 5000;
/** Tells the agent's id, and ends when this process does: an agent looks for the command that it was started for. */
const agentCommand = 'echo "$SSH_AGENT_PID"; exec cat >/dev/null';

async function startAgent(
  signal: AbortSignal,
): Promise<{readonly socket: string; readonly close: () => Promise<void>}> {
  const directory = await mkdtemp(join(tmpdir(), 'build-image-ssh-'));
  const socket = join(directory, 'agent.sock');
  const child = spawn('ssh-agent', ['-a', socket, 'sh', '-c', agentCommand], {stdio: ['pipe', 'pipe', 'ignore']});
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`ssh-agent ended with status ${status ?? 'of a signal'}`)));
  });
  failed.catch(() => undefined);
  let agent: number | undefined;
  const close = async (): Promise<void> => {
    child.stdin.destroy();
    endProcess(agent);
    await rm(directory, {recursive: true, force: true});
  };
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(agentStart)]);
    // It listens before it starts the command.
    const [told] = (await Promise.race([failed, once(child.stdout, 'data', {signal: limit})])) as [Buffer];
    agent = Number(told.toString());
    return {socket, close};
  } catch (error) {
    await close();
    signal.throwIfAborted();
    if (!hasErrno(error, 'ENOENT')) throw new BuildError('IO', `no ssh agent: ${messageOf(error)}`, {cause: error});
    throw new BuildError('TOOL_MISSING', 'ssh-agent is missing, which --ssh with key files needs', {
      remedy: 'Install openssh-client, or give the socket of an agent that runs.',
      cause: error,
    });
  }
}

function endProcess(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw error;
  }
}

async function addKey(socket: string, key: string, signal: AbortSignal): Promise<void> {
  // No terminal and no helper: a key behind a passphrase is refused instead of asked for.
  const env = {PATH: '/usr/local/bin:/usr/bin:/bin', SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: 'never'};
  try {
    const added = promisify(execFile)('ssh-add', ['--', key], {env, signal});
    added.child.stdin?.end();
    await added;
  } catch (error) {
    signal.throwIfAborted();
    throw new BuildError('SECRET_NOT_FOUND', `ssh-add takes no key from ${quote(key)}: ${messageOf(error)}`, {
      remedy: 'A key with a passphrase goes through an agent of your own: --ssh default.',
      cause: error,
    });
  }
}

/** The daemon leaves out, or sends empty, what is called `default`. */
const agentId = (sent: string | undefined): string => (sent === undefined || sent === '' ? 'default' : sent);

/** Forwards connections to the agents, each under its id. */
export function sshForward(sockets: ReadonlyMap<string, string>): Attachable {
  return (router) =>
    router.service(Ssh, {
      checkAgent({id}) {
        if (!sockets.has(agentId(id))) throw new ConnectError(`no ssh agent ${id}`, Code.NotFound);
        return {};
      },
      async *forwardAgent(messages, context) {
        const id = agentId(context.values.get(rawHeaders).get('buildkit.ssh.id')?.[0]);
        const path = sockets.get(id);
        if (path === undefined) throw new ConnectError(`no ssh agent ${id}`, Code.NotFound);
        const socket = connect(path);
        const abort = (): void => void socket.destroy();
        context.signal.addEventListener('abort', abort, {once: true});
        try {
          await once(socket, 'connect');
          void feed(socket, messages);
          for await (const data of socket) yield {data: data as Buffer};
        } catch (error) {
          throw new ConnectError(messageOf(error), Code.Unavailable);
        } finally {
          context.signal.removeEventListener('abort', abort);
          socket.destroy();
        }
      },
    });
}

async function feed(socket: Socket, messages: AsyncIterable<{readonly data: Uint8Array}>): Promise<void> {
  try {
    for await (const {data} of messages) if (!socket.write(data)) await once(socket, 'drain');
    socket.end();
  } catch {
    socket.destroy();
  }
}
