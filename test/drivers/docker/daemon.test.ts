import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import {once} from 'node:events';
import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {callJson, inspectImage} from '../../../engine/drivers/docker/api.js';
import {type Daemon, openDaemon} from '../../../engine/drivers/docker/daemon.js';
import {saveImage} from '../../../engine/drivers/docker/outputs/outputs.js';
import {readStage} from '../../../engine/drivers/docker/stage-images.js';
import {temporaryDirectory} from '../../helpers/temporary.js';

const never = new AbortController().signal;

/** A daemon that answers its ping, and everything else as told. */
async function daemonThat(
  t: ExecutionContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{readonly daemon: Daemon; readonly directory: string}> {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'daemon.sock');
  const server = createServer((request, response) => {
    if (request.url === '/_ping') response.setHeader('api-version', '1.47').end('OK');
    else answer(request, response);
  }).listen(path);
  await once(server, 'listening');
  const daemon = await openDaemon({kind: 'unix', path, from: 'default'}, never);
  t.teardown(() => {
    daemon.close();
    server.closeAllConnections();
    server.close();
  });
  return {daemon, directory};
}

const inTheMiddle = (_: IncomingMessage, response: ServerResponse): void => {
  response.setHeader('content-length', '1000').write('{"Id":', () => setTimeout(() => response.destroy(), 20));
};

test('a daemon that hangs up before it answers is lost', async (t) => {
  const {daemon} = await daemonThat(t, ({socket}) => socket.destroy());
  const error = await t.throwsAsync(inspectImage(daemon, 'app', never), {code: 'DAEMON_LOST'});
  t.regex(error.message, /^the daemon at unix:\/\/.*daemon\.sock went away: /);
});

test('so is one that hangs up in the middle of an answer, whatever is read of it', async (t) => {
  const {daemon, directory} = await daemonThat(t, inTheMiddle);
  await t.throwsAsync(callJson(daemon, 'GET', '/info', never), {code: 'DAEMON_LOST'});
  const dest = join(directory, 'out/image.tar');
  const output = {type: 'docker', dest, attributes: {}} as const;
  await t.throwsAsync(saveImage(daemon, ['app'], output, undefined, never), {code: 'DAEMON_LOST'});
  t.deepEqual(readdirSync(join(directory, 'out')), []);
  t.false(existsSync(dest));
});

test('so is one that hangs up while a stage is read, and the container is removed', async (t) => {
  const asked: string[] = [];
  const {daemon} = await daemonThat(t, (request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    if (request.method === 'POST') response.writeHead(201).end('{"Id":"c1"}');
    else if (request.method === 'DELETE') response.writeHead(204).end();
    else inTheMiddle(request, response);
  });
  const reading = async () => {
    for await (const chunk of readStage(daemon, 'app', '/out', never)) t.true(chunk.length > 0);
  };
  await t.throwsAsync(reading(), {code: 'DAEMON_LOST'});
  t.deepEqual(asked, [
    'POST /containers/create',
    'GET /containers/c1/archive?path=%2Fout',
    'DELETE /containers/c1?force=1&v=1',
  ]);
});
