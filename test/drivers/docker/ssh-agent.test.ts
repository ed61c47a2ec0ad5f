import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {openAgents} from '../../../engine/drivers/docker/session/ssh.js';
import {processesWith} from '../../helpers/processes.js';
import {available} from '../../helpers/requirement.js';

const never = new AbortController().signal;
const module = new URL('../../../engine/drivers/docker/session/ssh.js', import.meta.url).href;
const code = `
  import(${JSON.stringify(module)}).then(async ({openAgents}) => {
    const {sockets} = await openAgents(new Map([['default', {keys: []}]]), new AbortController().signal);
    console.log(sockets.get('default'));
    setInterval(() => undefined, 1000);
  });`;

const ended = async (text: string): Promise<readonly number[]> => {
  for (let waited = 0; processesWith(text).length > 0 && waited < 60_000; waited += 100) await sleep(100);
  return processesWith(text);
};

test('an agent that was started for keys ends with the build', async (t) => {
  if (!available(t, existsSync('/usr/bin/ssh-agent'), 'ssh-agent (openssh-client)')) return;
  const agents = await openAgents(new Map([['default', {keys: []}]]), never);
  const socket = agents.sockets.get('default') ?? '';
  t.true(existsSync(socket));
  t.true(processesWith(socket).length > 0);
  await agents.close();
  t.deepEqual(await ended(socket), []);
  t.false(existsSync(socket));
});

test('and with a process that was killed', async (t) => {
  if (!available(t, existsSync('/usr/bin/ssh-agent'), 'ssh-agent (openssh-client)')) return;
  const child = spawn(process.execPath, ['-e', code], {stdio: ['ignore', 'pipe', 'inherit']});
  const [told] = (await once(child.stdout, 'data')) as [Buffer];
  const socket = told.toString().trim();
  t.true(processesWith(socket).length > 0);
  child.kill('SIGKILL');
  t.deepEqual(await ended(socket), []);
});
