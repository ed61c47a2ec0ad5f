import {readFile} from 'node:fs/promises';
import {Code, ConnectError} from '@connectrpc/connect';
import {BuildError, messageOf, quote} from '../../../base/errors.js';
import type {SecretSource} from '../../driver.js';
import {Secrets} from '../wire/messages.js';
import type {Attachable} from './session.js';

/** Hands out secrets by id, at the moment a step asks for one; `failed` is told of one that could not be read. */
export function secrets(sources: ReadonlyMap<string, SecretSource>, failed: (error: unknown) => void): Attachable {
  return (router) =>
    router.service(Secrets, {
      async getSecret({id}) {
        const source = sources.get(id);
        if (source === undefined) throw new ConnectError(`secret ${id}: not found`, Code.NotFound);
        try {
          return {data: source.kind === 'file' ? await readFile(source.path) : Buffer.from(source.value)};
        } catch (error) {
          // The platform's message names the path, never the content.
          failed(
            new BuildError('SECRET_NOT_FOUND', `cannot read the file of secret ${quote(id)}: ${messageOf(error)}`, {
              remedy: `Check the src of --secret id=${id}.`,
              cause: error,
            }),
          );
          throw new ConnectError(`secret ${id}: cannot be read`, Code.NotFound);
        }
      },
    });
}
