import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {ExecutionContext} from 'ava';
import {freePort} from './free-port.js';
import {available} from './requirement.js';
import {temporaryDirectory} from './temporary.js';

export interface Aptly {
  /** `http://127.0.0.1:PORT/api`. */
  readonly api: string;
  /** What it publishes: a Debian repository. */
  readonly published: string;
}

const program = '/usr/bin/aptly';

/** aptly's REST API on loopback, ended with the test; undefined where there is no aptly. */
export async function startAptly(t: ExecutionContext): Promise<Aptly | undefined> {
  if (!available(t, existsSync(program), `${program} (package aptly)`)) return undefined;
  const directory = temporaryDirectory(t);
  const root = join(directory, 'root');
  const config = join(directory, 'aptly.conf');
  writeFileSync(config, JSON.stringify({rootDir: root}));
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn(program, ['api', 'serve', `-config=${config}`, `-listen=${listen}`], {stdio: 'ignore'});
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const api = `http://${listen}/api`;
  for (let attempt = 0; attempt < 200; attempt++) {
    const answered = await fetch(`${api}/version`).then(
      () => true,
      () => false,
    );
    if (answered) return {api, published: join(root, 'public')};
    await sleep(50);
  }
  throw new Error('aptly does not start');
}
