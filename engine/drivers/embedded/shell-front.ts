import {BuildError} from '../../base/errors.js';
import type {Plan} from '../../plan/plan.js';
import type {BuildRequest, ShellRequest} from '../driver.js';
import {startExecutor} from './start-executor.js';
import {errorOf, type FromExecutor, type ToExecutor, wireRequest} from './protocol.js';

/** The shell in an executor of its own, which has this process's input and output. Resolves to its exit status. */
export async function shellInExecutor(
  root: string,
  rootless: boolean,
  plan: Plan,
  request: BuildRequest,
  shell: ShellRequest,
  signal: AbortSignal,
): Promise<number> {
  const executor = await startExecutor(rootless, {interactive: true, signal});
  const {channel} = executor;
  const send = (message: ToExecutor): void => void channel.send(message);
  const onAbort = (): void => send({type: 'abort'});
  try {
    return await new Promise<number>((resolve, reject) => {
      channel.on('message', (message: FromExecutor) => {
        if (message.type === 'shell-ended') resolve(message.status);
        else if (message.type === 'failed') reject(errorOf(message.error));
        else if (message.type === 'ask-credentials') {
          request.credentials(message.host).then((found) => send({type: 'credentials', id: message.id, found}), reject);
        }
      });
      void executor.ended.then((status) =>
        reject(new BuildError('IO', `the executor ended before its shell did (status ${status})`)),
      );
      signal.addEventListener('abort', onAbort, {once: true});
      send({type: 'shell', root, rootless, plan, request: wireRequest(request), shell});
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await executor.kill();
  }
}
