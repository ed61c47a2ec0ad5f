import {createReadStream} from 'node:fs';
import {stat} from 'node:fs/promises';
import {join} from 'node:path';
import {Code, ConnectError} from '@connectrpc/connect';
import {hasErrno} from '../../../base/errors.js';
import {isDigest} from '../../../oci/digest.js';
import {Content} from '../wire/messages.js';
import {type Attachable, rawHeaders} from './session.js';

const storeHeader = 'buildkit-attachable-store-id';

/** Blobs of OCI layouts on this machine, by the name of the store, for `oci-layout` contexts. */
export function content(layouts: ReadonlyMap<string, string>): Attachable {
  const blob = (digest: string, headers: ReadonlyMap<string, readonly string[]>): string => {
    const store = headers.get(storeHeader)?.[0] ?? '';
    const root = layouts.get(store);
    // A digest that is none would be a path of the daemon's choice.
    if (root === undefined || !isDigest(digest)) throw new ConnectError(`no content ${digest}`, Code.NotFound);
    return join(root, 'blobs', ...digest.split(':'));
  };
  const sizeOf = async (path: string): Promise<number> => {
    try {
      return (await stat(path)).size;
    } catch (error) {
      throw new ConnectError('no such content', hasErrno(error, 'ENOENT') ? Code.NotFound : Code.Internal);
    }
  };
  return (router) =>
    router.service(Content, {
      async info({digest}, context) {
        const size = await sizeOf(blob(digest, context.values.get(rawHeaders)));
        return {info: {digest, size: BigInt(size)}};
      },
      async *read({digest, offset, size}, context) {
        const path = blob(digest, context.values.get(rawHeaders));
        const all = await sizeOf(path);
        const start = Number(offset);
        const end = size > 0n ? Math.min(all, start + Number(size)) : all;
        if (start >= end) return;
        let at = start;
        for await (const data of createReadStream(path, {start, end: end - 1, signal: context.signal})) {
          yield {offset: BigInt(at), data: data as Buffer};
          at += (data as Buffer).length;
        }
      },
    });
}
