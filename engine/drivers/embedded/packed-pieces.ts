import type {LayerPiece} from '../../snapshot/tar-chunks.js';

/** Entries of a layer as a message to another thread: a few values instead of an object for each. */
export interface PackedPieces {
  /** One after the other; its memory goes with the message. */
  readonly headers: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
  readonly reals: readonly string[];
  readonly sizes: readonly number[];
}

export function packPieces(pieces: readonly LayerPiece[]): PackedPieces {
  const lengths = pieces.map(({header}) => header.length);
  const headers = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const {header} of pieces) {
    headers.set(header, at);
    at += header.length;
  }
  return {headers, lengths, reals: pieces.map(({real}) => real), sizes: pieces.map(({size}) => size)};
}

export function* unpackPieces({headers, lengths, reals, sizes}: PackedPieces): Generator<LayerPiece, void, undefined> {
  let at = 0;
  for (const [index, length] of lengths.entries()) {
    yield {header: headers.subarray(at, at + length), real: reals[index] ?? '', size: sizes[index] ?? 0};
    at += length;
  }
}
