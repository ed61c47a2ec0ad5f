/** Something has to be made, and this process only looks things up. */
export class NotCached extends Error {
  override readonly name = 'NotCached';
}
