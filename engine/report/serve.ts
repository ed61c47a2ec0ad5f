import {once} from 'node:events';
import {createServer, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {setTimeout as delay} from 'node:timers/promises';
import {BuildError, messageOf} from '../base/errors.js';
import {newestRunning} from '../store/running.js';
import {type Page, pageBody, renderPage} from './page.js';
import {runningPage} from './running-page.js';

export interface ServeOptions {
  readonly root: string;
  /** 0: any that is free. */
  readonly port: number;
  /** The page of what has ended. */
  readonly make: () => Promise<Page>;
  /** Show a build that runs in place of `make`, as long as it does. */
  readonly follow: boolean;
  /** Told where the page is. */
  readonly say: (url: string) => void;
}

/** How often a running build is looked at, ms. */
const interval = 400;

/** Serves the report on loopback until the signal. Rejects with USAGE where the port is taken. */
export async function serveReports(options: ServeOptions, signal: AbortSignal): Promise<void> {
  const server = createServer((request, response) => {
    const {port} = server.address() as AddressInfo;
    // A page elsewhere whose name was made to mean this machine must not read it.
    const hosts = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
    if (!hosts.includes(request.headers.host ?? '')) return void response.writeHead(403).end();
    if (request.method !== 'GET') return void response.writeHead(405).end();
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/') void answer(response, options);
    else if (path === '/events') void events(response, options, signal);
    else response.writeHead(404, {'Content-Type': 'text/plain'}).end('There is one page: /\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE' || error.code === 'EACCES'
          ? new BuildError('USAGE', `port ${options.port} cannot be used: ${error.code}`, {remedy: 'Leave --port out.'})
          : error,
      ),
    );
    server.listen(options.port, '127.0.0.1', resolve);
  });
  try {
    options.say(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function current({root, make, follow}: ServeOptions): Promise<{readonly page: Page; readonly running: boolean}> {
  const running = follow ? newestRunning(root) : undefined;
  if (running !== undefined) return {page: runningPage(running, new Date().toISOString()), running: true};
  return {page: await make(), running: false};
}

async function answer(response: ServerResponse, options: ServeOptions): Promise<void> {
  try {
    const {page} = await current(options);
    response.writeHead(200, {'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store'});
    response.end(renderPage(page, options.follow));
  } catch (error) {
    response.writeHead(500, {'Content-Type': 'text/plain; charset=utf-8'}).end(`${messageOf(error)}\n`);
  }
}

/** The page's content whenever it changes (HTML standard, server-sent events). */
async function events(response: ServerResponse, options: ServeOptions, signal: AbortSignal): Promise<void> {
  response.writeHead(200, {'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store'});
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const either = AbortSignal.any([signal, gone.signal]);
  let was = false;
  let last = '';
  try {
    while (!either.aborted) {
      const running = options.follow ? newestRunning(options.root) : undefined;
      if (running !== undefined || was) {
        const {page, running: still} = await current(options);
        const text = JSON.stringify({title: page.title, body: pageBody(page, still).markup});
        if (text !== last) response.write(`event: page\ndata: ${text}\n\n`);
        last = text;
        was = still;
      }
      await delay(interval, undefined, {signal: either});
    }
  } catch {
    // The reader went away, or the server ends.
  }
  response.end();
}
