import {createHash, randomBytes} from 'node:crypto';
import {hostname} from 'node:os';
import {BuildError, messageOf} from '../../base/errors.js';
import type {ContextEntry} from '../../context/context.js';
import type {Plan} from '../../plan/plan.js';
import type {EventSink} from '../../progress/events.js';
import type {BuildRequest} from '../driver.js';
import {cacheEntry, dockerfileName, frontendAttributes, localName, nameStages, stageTarget} from './attributes.js';
import {type Control, openControl, type SolveRequest} from './control.js';
import type {Daemon} from './daemon.js';
import {buildFailure} from './failure.js';
import {layoutsOf, pinLayouts} from './layout-contexts.js';
import {auth} from './session/auth.js';
import {content} from './session/content.js';
import {fileSync, type FileTree} from './session/file-sync.js';
import {fileSend, type Receive} from './session/file-send.js';
import {secrets} from './session/secrets.js';
import {type Attachable, openSession, type Session} from './session/session.js';
import {openAgents, sshForward} from './session/ssh.js';
import {watchSteps} from './step-timeout.js';
import {createTrace, type Trace} from './trace.js';

/** A session and a control connection, open for several solves of one build. */
export interface BuildkitBuild {
  readonly trace: Trace;
  /** Builds one stage, by its index; rejects with BuildError, or the signal's reason. */
  solve(
    stage: number,
    exporter: Exporter,
    labels?: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

export interface Exporter {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Takes what a `tar` exporter sends. */
  readonly receive?: Receive;
}

export async function openBuildkit(
  daemon: Daemon,
  plan: Plan,
  given: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
): Promise<BuildkitBuild> {
  const request = {...given, contexts: await pinLayouts(given.contexts, signal)};
  const agents = await openAgents(request.ssh, signal);
  let receive: Receive | undefined;
  // What fails on this side ends the build at once; the daemon would only tell that a call of its own broke.
  const local = new AbortController();
  const failed = (error: unknown): void => local.abort(localFailure(error));
  const askedHosts: string[] = [];
  const attachables = [
    fileSync(treesOf(plan, request), failed),
    secrets(request.secrets, failed),
    auth((host) => {
      askedHosts.push(host);
      return request.credentials(host);
    }),
    fileSend(() => receive, failed),
    sshForward(agents.sockets),
    content(layoutsOf(request)),
  ];
  const [session, control] = await openBoth(daemon, attachables, sharedKey(request), signal).catch(
    async (error: unknown) => {
      await agents.close();
      throw error;
    },
  );
  let lost = false;
  let closing = false;
  const onClosed = (): void => void (lost ||= !closing);
  void session.closed.then(onClosed);
  void control.closed.then(onClosed);
  const trace = createTrace(plan, events);
  let solves = 0;

  return {
    trace,
    async solve(stage, exporter, labels = {}) {
      const solve = solves++;
      receive = exporter.receive;
      const watch = watchSteps(request.stepTimeout, (limit) => {
        const late = trace.running().find((step) => step.elapsed > limit);
        return late && {name: late.name, range: late.place.range};
      });
      const either = AbortSignal.any([signal, watch.signal, local.signal]);
      const message: SolveRequest = {
        ref: randomBytes(13).toString('hex'),
        session: session.id,
        exporter: exporter.type,
        exporterAttrs: {...exporter.attributes},
        frontend: 'dockerfile.v0',
        frontendAttrs: frontendAttributes(
          plan,
          {...request, labels: {...request.labels, ...labels}},
          stageTarget(plan, stage),
        ),
        cache: {exports: request.cacheTo.map(cacheEntry), imports: request.cacheFrom.map(cacheEntry)},
        entitlements: request.network === 'host' ? ['network.host'] : [],
      };
      try {
        return await followed(control, message, (status) => trace.update(status, solve), either);
      } catch (error) {
        signal.throwIfAborted();
        watch.signal.throwIfAborted();
        local.signal.throwIfAborted();
        throw buildFailure(error, {plan, trace, lost, askedHosts});
      } finally {
        watch.stop();
      }
    },
    async close() {
      closing = true;
      control.close();
      session.close();
      await agents.close();
    },
  };
}

async function openBoth(
  daemon: Daemon,
  attachables: readonly Attachable[],
  key: string,
  signal: AbortSignal,
): Promise<readonly [Session, Control]> {
  const session = await openSession(daemon, attachables, key, signal);
  try {
    return [session, await openControl(daemon, signal)];
  } catch (error) {
    session.close();
    throw error;
  }
}

/** Longest wait, ms, for the last of the log after a build has ended; much less where none of it came so far. */
const logGrace = 3000;
const silentGrace = 100;

async function followed(
  control: Control,
  message: SolveRequest,
  update: (status: Parameters<Trace['update']>[0]) => void,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const ended = new AbortController();
  let seen = 0;
  const following = (async () => {
    for await (const status of control.status(message.ref ?? '', AbortSignal.any([signal, ended.signal]))) {
      seen++;
      update(status);
    }
  })().catch(() => undefined); // The solve tells what went wrong.
  try {
    return await control.solve(message, signal);
  } finally {
    if (!signal.aborted) {
      const timer = setTimeout(() => ended.abort(), seen === 0 ? silentGrace : logGrace);
      await following;
      clearTimeout(timer);
    }
    ended.abort();
  }
}

function localFailure(error: unknown): unknown {
  if (error instanceof BuildError) return error;
  return new BuildError('CONTEXT_UNREADABLE', `the context could not be sent: ${messageOf(error)}`, {cause: error});
}

function treesOf(plan: Plan, request: BuildRequest): ReadonlyMap<string, FileTree> {
  const trees = new Map<string, FileTree>([
    ['context', request.context],
    ['dockerfile', singleFile(dockerfileName(plan), nameStages(plan, [plan.graph.target, ...request.keepStages]))],
  ]);
  for (const [name, context] of request.contexts) {
    if (context.kind === 'directory') trees.set(localName(name), context.context);
  }
  return trees;
}

function singleFile(name: string, text: string): FileTree {
  const content = Buffer.from(text);
  const entry: ContextEntry = {
    path: name,
    rawPath: Buffer.from(name),
    type: 'file',
    mode: 0o644,
    size: content.length,
    // The daemon keeps the file of an earlier build that has the same size and time.
    mtimeNs: BigInt(Date.now()) * 1_000_000n,
    link: undefined,
    hardlink: undefined,
    device: undefined,
  };
  return {
    root: undefined,
    async *walk() {
      yield await Promise.resolve(entry);
    },
    async *open() {
      yield await Promise.resolve(content);
    },
  };
}

/** The same for the same directory of the same machine: the daemon then continues from the files it already has. */
function sharedKey({context}: BuildRequest): string {
  return createHash('sha256').update(`${hostname()}\0${context.root}`).digest('hex');
}
