import {type Project} from '../../store/build-record.js';
import {type Facts, readFacts, readFileList} from '../../store/facts.js';
import {readHistory} from '../../store/history.js';
import type {EarlierBuilds} from './explain-steps.js';

/** The last `most` builds of a project, with what they were made of; what is read once is kept. Of any driver where none is named. */
export async function earlierBuilds(
  root: string,
  {project, driver, most}: {readonly project: Project; readonly driver?: string; readonly most: number},
  signal: AbortSignal,
): Promise<EarlierBuilds> {
  const {records} = await readHistory(root, {project, most}, signal);
  const kept = new Map<string, Facts | undefined>();
  const lists = new Map<string, ReturnType<typeof readFileList>>();
  return {
    records: records.filter((record) => driver === undefined || record.driver === driver),
    facts: ({facts}) => (facts === null ? undefined : once(kept, facts, () => readFacts(root, facts))),
    fileList: (digest) => once(lists, digest, () => readFileList(root, digest)),
  };
}

function once<T>(known: Map<string, T>, name: string, read: () => T): T {
  const found = known.get(name);
  if (found !== undefined) return found;
  const made = read();
  known.set(name, made);
  return made;
}
