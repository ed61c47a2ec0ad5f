import {createHash} from 'node:crypto';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {BuildError} from '../base/errors.js';
import {runTool} from './run-tool.js';
import type {SuiteSource} from './apt-sources.js';

/** What a mirror holds of one suite at the moment: its signed index. */
export interface Release {
  readonly source: SuiteSource['source'];
  /** SHA-256 of the index, hex: changes whenever a package in it does. */
  readonly sha256: string;
  /** Its `Date` in seconds since 1970. */
  readonly date: number;
}

/** apt's own downloader knows the machine's proxies, credentials and transports. */
const downloader = '/usr/lib/apt/apt-helper';

/**
 * Fetches the index of every source, by way of files in `directory`. A derived source that its mirror does not have is
 * left out; any other one missing rejects with MIRROR_UNREACHABLE.
 */
export async function fetchReleases(
  sources: readonly SuiteSource[],
  directory: string,
  signal: AbortSignal,
): Promise<readonly Release[]> {
  const fetched = await Promise.all(
    sources.map(async ({source, derived}, index): Promise<Release | undefined> => {
      const file = join(directory, `release-${index}`);
      const {uri, credentials} = splitCredentials(source.uris[0] ?? '');
      const address = `${uri.replace(/\/$/, '')}/dists/${source.suites[0] ?? ''}/InRelease`;
      try {
        const options = credentials === undefined ? [] : ['-o', `Dir::Etc::netrc=${await written(file, credentials)}`];
        await runTool([downloader, ...options, 'download-file', address, file], 'apt', signal);
      } catch (error) {
        if (!(error instanceof BuildError) || error.code !== 'BUILD_FAILED') throw error;
        if (derived) return undefined;
        throw new BuildError('MIRROR_UNREACHABLE', `the package index of ${source.suites[0] ?? ''} cannot be fetched`, {
          remedy: 'See whether apt-get update works on this machine.',
          cause: error,
        });
      }
      const text = await readFile(file, 'utf8');
      const date = Date.parse(/^Date: (.*)$/m.exec(text)?.[1] ?? '') / 1000;
      if (Number.isNaN(date)) {
        throw new BuildError('MIRROR_UNREACHABLE', `the package index of ${source.suites[0] ?? ''} has no date`);
      }
      return {source, sha256: createHash('sha256').update(text).digest('hex'), date};
    }),
  );
  return fetched.filter((release) => release !== undefined);
}

/** `https://user:password@host/debian` as the address alone, and a line of apt_auth.conf(5): arguments are for all to see. */
function splitCredentials(uri: string): {readonly uri: string; readonly credentials: string | undefined} {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || (url.username === '' && url.password === '')) return {uri, credentials: undefined};
  const [login, password] = [url.username, url.password].map(decodeURIComponent);
  url.username = url.password = '';
  // With the scheme, without which apt gives them to TLS only.
  const credentials = `machine ${url.href.replace(/\/$/, '')} login ${login ?? ''} password ${password ?? ''}\n`;
  return {uri: url.href, credentials};
}

async function written(file: string, credentials: string): Promise<string> {
  const path = `${file}.auth`;
  await writeFile(path, credentials, {mode: 0o600});
  return path;
}
