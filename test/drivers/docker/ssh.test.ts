import {once} from 'node:events';
import {chmodSync, existsSync, readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {connectDaemon} from '../../../engine/drivers/docker/connection.js';
import {parseDaemonUrl} from '../../../engine/drivers/docker/endpoint.js';
import {pingDaemon} from '../../../engine/drivers/docker/ping.js';
import {temporaryDirectory} from '../../helpers/temporary.js';
import {writeTree} from '../../helpers/tree.js';

// In turn: `ssh` is what PATH of this process says.
const never = new AbortController().signal;
const there = parseDaemonUrl('ssh://ci@there', undefined, 'DOCKER_HOST');

/** A program `ssh` of this body before all others, and its directory. */
function standIn(t: ExecutionContext, body: string): string {
  const directory = temporaryDirectory(t);
  writeTree(directory, {ssh: `#!${process.execPath}\n${body}`});
  chmodSync(join(directory, 'ssh'), 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${directory}:${before ?? ''}`;
  t.teardown(() => (process.env['PATH'] = before));
  return directory;
}

test.serial('a ping over ssh goes through dial-stdio of the host', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const server = createServer((_, response) => response.writeHead(200, {'Api-Version': '1.47'}).end('OK'));
  server.listen(socket);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const directory = standIn(
    t,
    `require('node:fs').writeFileSync(__dirname + '/argv', process.argv.slice(2).join(' '));
const socket = require('node:net').connect(${JSON.stringify(socket)});
process.stdin.pipe(socket).pipe(process.stdout);
`,
  );
  t.is((await pingDaemon(there, 20_000, never)).apiVersion, '1.47');
  t.regex(readFileSync(join(directory, 'argv'), 'utf8'), /-l ci -- there docker system dial-stdio$/);
});

test.serial('what ssh says when it fails is the reason', async (t) => {
  standIn(t, "console.error('ci@there: Permission denied (publickey).'); process.exit(255);");
  await t.throwsAsync(pingDaemon(there, 20_000, never), {
    code: 'DAEMON_UNREACHABLE',
    message: /ssh:\/\/ci@there \(from DOCKER_HOST\): ssh ended with status 255: ci@there: Permission denied/,
  });
});

test.serial('a machine without ssh is told so', async (t) => {
  const before = process.env['PATH'];
  process.env['PATH'] = temporaryDirectory(t);
  t.teardown(() => (process.env['PATH'] = before));
  await t.throwsAsync(pingDaemon(there, 20_000, never), {code: 'DAEMON_UNREACHABLE', message: /ssh is not installed/});
});

test.serial('a stream over ssh carries much in both directions, and its end ends ssh', async (t) => {
  const directory = standIn(
    t,
    "process.stdin.pipe(process.stdout); process.on('exit', () => require('node:fs').writeFileSync(__dirname + '/gone', ''));",
  );
  const stream = await connectDaemon(there, never);
  const sent = Buffer.alloc(3_000_000, 'abc');
  stream.end(sent);
  const got: Buffer[] = [];
  for await (const chunk of stream) got.push(chunk as Buffer);
  t.true(Buffer.concat(got).equals(sent));
  t.true(existsSync(join(directory, 'gone')));
});

test.serial('a stream that is destroyed takes ssh with it', async (t) => {
  const directory = standIn(
    t,
    "require('node:fs').writeFileSync(__dirname + '/pid', String(process.pid)); setInterval(() => {}, 1000);",
  );
  const stream = await connectDaemon(there, never);
  const file = join(directory, 'pid');
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
  while (!existsSync(file) || readFileSync(file, 'utf8') === '') await pause();
  stream.destroy();
  const status = `/proc/${readFileSync(file, 'utf8')}/stat`;
  const alive = () => existsSync(status) && !readFileSync(status, 'utf8').includes(' Z ');
  for (let tries = 0; alive() && tries < 250; tries++) await pause();
  t.false(alive());
});
