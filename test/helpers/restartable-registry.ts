import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {readdirSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {freePort} from './free-port.js';
import {answers, runRegistry} from './registry.js';
import {temporaryDirectory} from './temporary.js';

export interface RestartableRegistry {
  readonly host: string;
  /** As the kernel does it: nothing is written any more. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Bytes of uploads and blobs on its disk. */
  stored(): number;
}

/** A registry of Debian that can be killed, and started again on the same port with what it had on the disk. */
export async function restartableRegistry(t: ExecutionContext): Promise<RestartableRegistry> {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const file = join(directory, 'config.yml');
  const data = join(directory, 'data');
  writeFileSync(
    file,
    JSON.stringify({
      version: 0.1,
      log: {level: 'error', accesslog: {disabled: true}},
      storage: {filesystem: {rootdirectory: data}},
      http: {addr: host},
    }),
  );
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    child = undefined;
  };
  const start = async (): Promise<void> => {
    child = runRegistry(file);
    await answers(child, host);
  };
  t.teardown(kill);
  await start();
  return {host, kill, start, stored: () => sizeOf(data)};
}

function sizeOf(directory: string): number {
  try {
    return readdirSync(directory, {withFileTypes: true}).reduce((sum, entry) => {
      const path = join(directory, entry.name);
      return sum + (entry.isDirectory() ? sizeOf(path) : (statSync(path, {throwIfNoEntry: false})?.size ?? 0));
    }, 0);
  } catch {
    // It goes while it is looked at.
    return 0;
  }
}
