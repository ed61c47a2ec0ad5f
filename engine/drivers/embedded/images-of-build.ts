import {BuildError} from '../../base/errors.js';
import type {Source} from '../../stages/graph.js';
import type {BuildRequest} from '../driver.js';

/** The reference of an image that a step reads, or of a named context that is one. */
export function sourceReference(source: Source, {contexts}: Pick<BuildRequest, 'contexts'>): string {
  if (source.kind === 'image') return source.reference;
  if (source.kind !== 'context') throw new BuildError('UNSUPPORTED', `${source.kind} is not an image`);
  const named = contexts.get(source.name);
  if (named?.kind === 'image') return named.reference;
  if (named?.kind === 'oci-layout') {
    const tag = named.tag === undefined ? '' : `:${named.tag}`;
    const digest = named.digest === undefined ? '' : `@${named.digest}`;
    return `oci-layout://${named.path}${tag}${digest}`;
  }
  throw new BuildError('UNSUPPORTED', `the named context ${source.name} is not an image`);
}
