/** The step is to be run over what it starts from: a change of its earlier result does not give the same, or is not worth it. */
export class NotAChange extends Error {
  override readonly name = 'NotAChange';
}
