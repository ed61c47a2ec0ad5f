import {prepareSyscalls} from '../../base/syscalls.js';
import {directoryContext} from '../../context/directory-context.js';
import {rulesOfPatterns} from '../../context/ignore/ignore.js';
import type {BuildEventBody} from '../../progress/events.js';
import type {RegistryCredentials} from '../../registry/credentials.js';
import type {BuildRequest, NamedContext} from '../driver.js';
import {runBuild} from './build.js';
import {namespaceReady} from './enter-namespace.js';
import {prepareRuntime} from './runtime/runtime.js';
import {type FromExecutor, type ToExecutor, type WireContext, wireError, type WireRequest} from './protocol.js';

// The program that `enterNamespace` starts: process 1 of its namespaces, one build, then it ends.
const abort = new AbortController();
const asked = new Map<number, (found: RegistryCredentials | undefined) => void>();
let questions = 0;

let output: {readonly taken: () => void; readonly cancelled: () => void} | undefined;

/** Resolves when the front has written it: an image does not pile up between two processes. */
async function sendOutput(bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    output = {taken: resolve, cancelled: () => reject(new Error('cancelled'))};
    send({type: 'output', bytes});
  });
}

function send(message: FromExecutor): void {
  process.send?.(message);
}

const held: BuildEventBody[] = [];

/**
 * Sent when the next step has been started: nobody waits for a message that takes longer than its event, and there are half as many
 * of them.
 */
function emit(event: BuildEventBody): void {
  if (held.push(event) === 1) setImmediate(sendHeld);
}

function sendHeld(): void {
  if (held.length > 0) send({type: 'events', events: held.splice(0)});
}

process.on('message', (message: ToExecutor) => {
  switch (message.type) {
    case 'prepare':
      prepare(message.rootless);
      return;
    case 'build':
      void build(message);
      return;
    case 'shell':
      void shell(message);
      return;
    case 'credentials':
      asked.get(message.id)?.(message.found);
      asked.delete(message.id);
      return;
    case 'output-taken':
      output?.taken();
      return;
    case 'abort':
      abort.abort();
      output?.cancelled();
      return;
    default:
      throw new Error(`unreachable: ${String(message satisfies never)}`);
  }
});

async function build({root, rootless, plan, request}: Extract<ToExecutor, {type: 'build'}>): Promise<void> {
  try {
    const outcome = await runBuild(plan, opened(request), {
      root,
      rootless,
      mayRun: true,
      events: {emit},
      stdout: sendOutput,
      signal: abort.signal,
    });
    end({type: 'done', outcome});
  } catch (error) {
    end({type: 'failed', error: wireError(error)});
  }
}

async function shell({
  root,
  rootless,
  plan,
  request,
  shell: asked,
}: Extract<ToExecutor, {type: 'shell'}>): Promise<void> {
  try {
    const {runShell} = await import('./shell.js');
    const place = {
      root,
      rootless,
      mayRun: true,
      events: {emit: () => undefined},
      stdout: sendOutput,
      signal: abort.signal,
    };
    end({type: 'shell-ended', status: await runShell(plan, opened(request), place, asked)});
  } catch (error) {
    end({type: 'failed', error: wireError(error)});
  }
}

/** Ends this process, and with it all its namespaces hold, when the front has the message. */
function end(message: FromExecutor): void {
  sendHeld();
  // Once the front has the message it kills this process: who waits for its end is told before.
  process.emit('beforeExit', 0);
  process.send?.(message, undefined, {}, () => process.exit(0));
}

function opened(request: WireRequest): BuildRequest {
  return {
    ...request,
    context: contextOf(request.context),
    contexts: new Map(
      [...request.contexts].map(([name, named]): [string, NamedContext] => [
        name,
        named.kind === 'directory' ? {kind: 'directory', context: contextOf(named.context)} : named,
      ]),
    ),
    credentials: (host) =>
      new Promise((resolve) => {
        const id = questions++;
        asked.set(id, resolve);
        send({type: 'ask-credentials', id, host});
      }),
  };
}

/** Does what every build needs while it is not yet known what is built. What cannot be had is told by the step that needs it. */
function prepare(rootless: boolean): void {
  prepareRuntime(rootless).catch(() => undefined);
  prepareSyscalls();
}

function contextOf({name, root, ignorePatterns, ignoreFile}: WireContext) {
  return directoryContext({name, root, ignoreFile, rules: rulesOfPatterns(ignorePatterns)});
}

namespaceReady();
