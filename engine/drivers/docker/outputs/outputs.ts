import type {Writable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {BuildError} from '../../../base/errors.js';
import type {EventSink} from '../../../progress/events.js';
import type {Output} from '../../driver.js';
import {bodyOf, type Daemon} from '../daemon.js';
import {unpackTar} from './unpack.js';
import {writeFileFrom} from './write-file.js';

/** API of Docker 25, whose saved images are OCI layouts too. */
const ociSaveApi = 144;

/** Throws UNSUPPORTED or USAGE for an output that cannot be made, before anything is sent. */
export function checkOutputs(outputs: readonly Output[], daemon: Daemon, stdout: Writable | undefined): void {
  for (const {type, dest} of outputs) {
    if (type === 'local' && (dest === undefined || dest === '-')) {
      throw new BuildError('USAGE', '--output type=local needs a directory', {remedy: 'Add dest=DIRECTORY to it.'});
    }
    if (type === 'oci' && daemon.api < ociSaveApi) {
      throw new BuildError('UNSUPPORTED', 'this daemon cannot write an OCI layout (Docker 25 and later can)', {
        remedy: 'Use --output type=docker, or --driver embedded.',
      });
    }
    const toStdout = type === 'oci' || type === 'tar' ? dest === undefined || dest === '-' : dest === '-';
    if (toStdout && stdout === undefined) {
      throw new BuildError('USAGE', `--output type=${type} needs a destination here`, {remedy: 'Add dest=FILE to it.'});
    }
  }
}

/** The image itself is among what is asked for (`type=docker` without a destination is the daemon's own store). */
export function wantsImage(outputs: readonly Output[]): boolean {
  return (
    outputs.length === 0 ||
    outputs.some(({type, dest}) => type === 'image' || (type === 'docker' && dest === undefined))
  );
}

/** Outputs for which an image has to be there and is saved from. */
export function savedOutputs(outputs: readonly Output[]): readonly Output[] {
  return outputs.filter(({type, dest}) => type === 'oci' || (type === 'docker' && dest !== undefined));
}

/** Takes the tar of a built file system for a `tar` or `local` output. */
export async function receiveOutput(
  output: Output,
  content: AsyncIterable<Uint8Array>,
  stdout: Writable | undefined,
  events: EventSink,
  signal: AbortSignal,
): Promise<void> {
  if (output.type !== 'local') return writeTo(output.dest, content, stdout, signal);
  const {skipped} = await unpackTar(content, output.dest ?? '', signal);
  if (skipped.length > 0) {
    const some = skipped.slice(0, 3).join(', ');
    events.emit({type: 'note', message: `left out of the local output, being devices or the like: ${some}`});
  }
}

/** Saves an image (`docker save`) by its names, or by its ID where it has none. */
export async function saveImage(
  daemon: Daemon,
  names: readonly string[],
  output: Output,
  stdout: Writable | undefined,
  signal: AbortSignal,
): Promise<void> {
  const query = names.map((name) => `names=${encodeURIComponent(name)}`).join('&');
  const response = await daemon.request({method: 'GET', path: `/images/get?${query}`}, signal);
  await writeTo(output.dest, bodyOf(daemon, response, signal), stdout, signal);
}

async function writeTo(
  dest: string | undefined,
  content: AsyncIterable<Uint8Array>,
  stdout: Writable | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (dest !== undefined && dest !== '-') return writeFileFrom(content, dest, signal);
  if (stdout === undefined) throw new Error('unreachable: an output without destination was let through');
  await pipeline(content, stdout, {signal, end: false});
}
