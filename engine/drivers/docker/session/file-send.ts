import {Code, ConnectError} from '@connectrpc/connect';
import {messageOf} from '../../../base/errors.js';
import {type BytesMessage, FileSend} from '../wire/messages.js';
import type {Attachable} from './session.js';

/** Takes what an exporter sends: one stream of bytes a solve. */
export type Receive = (content: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<void>;

/** `receiver` gives what takes the bytes of the solve that runs; `failed` is told why that broke. */
export function fileSend(receiver: () => Receive | undefined, failed: (error: unknown) => void): Attachable {
  return (router) =>
    router.service(FileSend, {
      // No messages go back: the end of the call tells the daemon that all was taken.
      async *diffCopy(messages, context) {
        const receive = receiver();
        if (receive === undefined) throw new ConnectError('no output was asked for', Code.FailedPrecondition);
        try {
          await receive(dataOf(messages), context.signal);
        } catch (error) {
          if (!context.signal.aborted) failed(error);
          throw new ConnectError(messageOf(error), Code.Internal);
        }
      },
    });
}

async function* dataOf(messages: AsyncIterable<BytesMessage>): AsyncGenerator<Uint8Array> {
  for await (const {data} of messages) if (data.length > 0) yield data;
}
