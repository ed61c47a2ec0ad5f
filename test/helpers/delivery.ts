import {randomFillSync} from 'node:crypto';
import {closeSync, openSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {plainGit, repository} from '../delivery/repositories.js';
import {type CliOptions, type CliRun, runCli} from './cli.js';
import {temporaryDirectory} from './temporary.js';

const outside = /^(?:GITHUB_|GITLAB_|CI$|CI_|TRAVIS|JENKINS_|GIT_)|_REPO$/;

export interface Checkout {
  readonly directory: string;
  readonly store: string;
  /** The command line in the checkout, on the branch develop, with an environment that knows of no CI service. */
  cli(args: readonly string[], environment?: Readonly<Record<string, string>>, more?: CliOptions): Promise<CliRun>;
}

/** A checkout on the branch develop whose image has one layer of `size` bytes that nothing compresses; not built yet. */
export function checkout(t: ExecutionContext, size: number): Checkout {
  const base = temporaryDirectory(t);
  const directory = repository(base, 'develop');
  const store = join(base, 'store');
  writeFileSync(join(directory, 'Dockerfile'), 'FROM scratch\nLABEL a=b\nCOPY data /data\nCOPY file /file\n');
  const descriptor = openSync(join(directory, 'data'), 'w');
  const chunk = Buffer.alloc(Math.min(size, 4 * 1024 * 1024));
  for (let left = size; left > 0;)
    left -= writeSync(descriptor, randomFillSync(chunk), 0, Math.min(left, chunk.length));
  closeSync(descriptor);
  const clean = Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => outside.test(name))
      .map((name) => [name, undefined]),
  );
  return {
    directory,
    store,
    cli: (args, environment = {}, more = {}) =>
      runCli(args, {
        ...more,
        cwd: directory,
        env: {...clean, ...plainGit, HOME: base, BUILD_IMAGE_ROOT: store, ...environment},
      }),
  };
}

export const triple = (
  name: string,
  place: string,
  username: string,
  key: string,
): Readonly<Record<string, string>> => ({
  [`${name}_REPO`]: place,
  [`${name}_USERNAME`]: username,
  [`${name}_API_KEY`]: key,
});
