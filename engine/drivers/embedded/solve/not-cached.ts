/** Something has to be made, and this process only looks. */
export class NotCached extends Error {
  override readonly name = 'NotCached';
}
