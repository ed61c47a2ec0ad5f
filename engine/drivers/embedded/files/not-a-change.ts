/** A change of the step's earlier result would not give the same, or is not worth it: the step runs over what it starts from. */
export class NotAChange extends Error {
  override readonly name = 'NotAChange';
}
