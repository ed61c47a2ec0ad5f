import {execFileSync} from 'node:child_process';
import {chmodSync, existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {missingForRoot} from './step-executor.js';

const name = 'build-image-test';

/** What is missing for tests with another user than root; undefined: nothing. */
export const missingForOrdinary =
  missingForRoot ??
  (readFileSync('/etc/subuid', 'utf8').includes(`${name}:`) && existsSync('/usr/bin/newuidmap')
    ? undefined
    : `a user ${name} with subordinate ids, and uidmap`);

export interface OrdinaryUser {
  readonly name: string;
  readonly uid: number;
  readonly home: string;
  /** In front of a command that it runs. */
  readonly prefix: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** With a home that goes when the test ends. */
export function ordinaryUser(t: ExecutionContext): OrdinaryUser {
  const home = mkdtempSync(join(tmpdir(), 'build-image-user-'));
  t.teardown(() => rmSync(home, {recursive: true, force: true}));
  chmodSync(home, 0o755);
  execFileSync('chown', [name, home]);
  const uid = Number(execFileSync('id', ['-u', name]).toString());
  return {
    name,
    uid,
    home,
    prefix: ['setpriv', '--reuid', name, '--regid', name, '--init-groups'],
    env: {HOME: home, XDG_DATA_HOME: join(home, 'data'), TMPDIR: home, DOCKER_HOST: `unix://${home}/no.sock`},
  };
}
