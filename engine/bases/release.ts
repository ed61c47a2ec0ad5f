import {createHash} from 'node:crypto';
import {readFile} from 'node:fs/promises';
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
      const address = `${(source.uris[0] ?? '').replace(/\/$/, '')}/dists/${source.suites[0] ?? ''}/InRelease`;
      try {
        await runTool([downloader, 'download-file', address, file], 'apt', signal);
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
