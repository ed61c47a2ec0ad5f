import {join} from 'node:path';
import {readBounded} from '../../base/read-bounded.js';

const mostPemBytes = 1024 * 1024;

/** PEM texts. `verify` false: any certificate of the daemon is taken. */
export interface DaemonTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly verify: boolean;
}

/** `ca.pem`, `cert.pem` and `key.pem` of a directory, those that exist. */
export async function readTls(directory: string, verify: boolean, signal: AbortSignal): Promise<DaemonTls> {
  const read = (name: string): Promise<string | undefined> =>
    readBounded(join(directory, name), mostPemBytes, 'CONFIG_INVALID', signal);
  const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')]);
  return {
    verify,
    ...(ca !== undefined && {ca}),
    ...(cert !== undefined && {cert}),
    ...(key !== undefined && {key}),
  };
}
