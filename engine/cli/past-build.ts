import {BuildError, quote} from '../base/errors.js';
import {count} from '../progress/format.js';
import type {BuildRecord} from '../store/build-record.js';

/** The build of this id, or the only one whose id begins so; undefined: none. Throws BuildError NOT_FOUND where several do. */
export function pastBuild(records: readonly BuildRecord[], text: string): BuildRecord | undefined {
  const found = records.filter(({id}) => id.startsWith(text));
  if (found.length < 2 || text === '') return text === '' ? undefined : found[0];
  const exact = found.find(({id}) => id === text);
  if (exact !== undefined) return exact;
  throw new BuildError('NOT_FOUND', `the ids of ${count(found.length, 'past build')} begin with ${quote(text)}`, {
    remedy: 'Give more of the id; build-image history --json lists them.',
  });
}
