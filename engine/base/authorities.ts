import {accessSync, constants} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {messageOf} from './errors.js';

/**
 * Node reads the certificates of NODE_EXTRA_CA_CERTS as it starts, needed or not; with a system's whole bundle that takes twice as
 * long as all the rest of its start. Our programs are started without it, and read the file where they speak TLS.
 */
const nodes = 'NODE_EXTRA_CA_CERTS';
const ours = 'BUILD_IMAGE_EXTRA_CA_CERTS';

type Environment = Record<string, string | undefined>;

let list: Promise<readonly string[] | undefined> | undefined;

/** Called by a program first. What it starts itself finds the variable under Node's name, as its caller set it. */
export function adoptAuthorities(environment: Environment = process.env): void {
  const file = environment[ours];
  if (file === undefined) return;
  environment[nodes] ??= file;
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    // As Node says it.
    process.emitWarning(`Ignoring extra certs from \`${file}\`, load failed: ${messageOf(error)}`);
  }
}

/** The environment for a program of ours that is run by a Node of its own. */
export function environmentWithout(environment: Environment = process.env): Environment {
  const {[nodes]: file, ...rest} = environment;
  return file === undefined || file === '' ? environment : {...rest, [ours]: file};
}

/** `ca` for a TLS connection, PEM; undefined: what Node has by itself is right. */
export async function authorities(): Promise<string[] | undefined> {
  const file = process.env[ours];
  if (file === undefined) return undefined;
  list ??= withExtra(file);
  const known = await list;
  return known === undefined ? undefined : [...known];
}

async function withExtra(file: string): Promise<readonly string[] | undefined> {
  const extra = await readFile(file, 'utf8').catch(() => undefined);
  if (extra === undefined) return undefined;
  const {rootCertificates} = await import('node:tls');
  return [...rootCertificates, extra];
}
