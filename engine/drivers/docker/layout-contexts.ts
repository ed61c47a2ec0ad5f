import {join} from 'node:path';
import {readBounded} from '../../base/read-bounded.js';
import {BuildError, quote} from '../../base/errors.js';
import {indexFile, parseLayoutIndex, selectFromLayout} from '../../oci/layout.js';
import type {BuildRequest, NamedContext} from '../driver.js';
import {localName} from './attributes.js';

const mostIndexBytes = 4 * 1024 * 1024;

/** The named contexts with a digest for each OCI layout, since the daemon reads layouts by digest alone. */
export async function pinLayouts(
  contexts: BuildRequest['contexts'],
  signal: AbortSignal,
): Promise<BuildRequest['contexts']> {
  const pinned = new Map<string, NamedContext>();
  for (const [name, context] of contexts) {
    pinned.set(name, context.kind === 'oci-layout' ? await pin(context, signal) : context);
  }
  return pinned;
}

async function pin(
  context: Extract<NamedContext, {kind: 'oci-layout'}>,
  signal: AbortSignal,
): Promise<Extract<NamedContext, {kind: 'oci-layout'}>> {
  if (context.digest !== undefined) return context;
  const file = join(context.path, indexFile);
  const text = await readBounded(file, mostIndexBytes, 'CONTEXT_UNREADABLE', signal);
  if (text === undefined) {
    throw new BuildError('CONTEXT_NOT_FOUND', `no OCI layout in ${quote(context.path)}: it has no ${indexFile}`);
  }
  const selector = context.tag === undefined ? {} : {tag: context.tag};
  return {...context, digest: selectFromLayout(parseLayoutIndex(Buffer.from(text)), selector, context.path).digest};
}

/** Directories of the layouts, by the name that the daemon asks for. */
export function layoutsOf({contexts}: BuildRequest): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, context] of contexts) if (context.kind === 'oci-layout') found.set(localName(name), context.path);
  return found;
}
