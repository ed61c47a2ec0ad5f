import {formatBytes} from '../../base/format-bytes.js';
import {count} from '../../progress/format.js';
import type {RecordedStep} from '../../store/build-record.js';
import {type BuildChange, contextFiles} from './build-changes.js';
import type {Finding, SentFile, Use} from './finding.js';
import {rerunBecause, secondsOf} from './rerun-seconds.js';
import {firstLine, isStep} from './step-place.js';

/** Files that changed between builds, and never with another result. One finding for each COPY, ADD or RUN that reads them. */
export function changedForNothing(use: Use, changes: readonly BuildChange[]): readonly Finding[] {
  const mattered = new Set(changes.flatMap(({sameResult, files}) => (sameResult ? [] : [...files.keys()])));
  const found: Finding[] = [];
  for (const stage of use.graph.stages) {
    for (const step of stage.steps) {
      const same = isStep(stage, step, use);
      const names = new Set<string>();
      const ran: RecordedStep[] = [];
      let builds = 0;
      for (const {after, files} of changes) {
        const own = after.steps.find(same);
        if (own === undefined) continue;
        const idle = [...files].filter(([path, ids]) => ids.includes(own.id) && !mattered.has(path));
        if (idle.length === 0) continue;
        for (const [path] of idle) names.add(path);
        builds++;
        ran.push(...rerunBecause(after, ({id}, {kind}) => id === own.id && kind === 'files'));
      }
      if (names.size === 0) continue;
      const text = `${shownNames([...names])} changed in ${count(builds, 'build')}, and no result did: leave ${names.size === 1 ? 'it' : 'them'} out`;
      const {line} = step;
      const seconds = secondsOf(ran);
      found.push({kind: 'files', line, instruction: firstLine(step, use), names: [...names], builds, seconds, text});
    }
  }
  return found;
}

/**
 * Files that are sent and that no build read. Nothing is said where that is not known for sure: what a step read is not
 * kept any more, or the Dockerfile has one that was not built yet.
 */
export function unreadFiles(use: Use): readonly Finding[] {
  const {graph, past, sent} = use;
  if (sent === undefined || past.records.length === 0) return [];
  const read = new Set<string>();
  for (const record of past.records) {
    const facts = past.facts(record);
    for (const step of record.steps) {
      const parts = facts?.get(step.id);
      const files = parts === undefined ? undefined : contextFiles(step, parts, past);
      if (files !== undefined) for (const {path} of files) read.add(path);
      else if (step.instruction !== 'FROM' && record.outcome === 'done') return [];
    }
  }
  const steps = past.records.flatMap((record) => record.steps);
  const unbuilt = graph.stages.some((stage) =>
    stage.steps.some(
      (step) =>
        stage.reachable &&
        ['copy', 'add', 'run'].includes(step.operation.kind) &&
        !steps.some(isStep(stage, step, use)),
    ),
  );
  const unread = sent.filter(({path}) => !read.has(path) && !isOfTheBuild(path));
  if (unbuilt || unread.length === 0) return [];
  const names = folded(sent, new Set(unread.map(({path}) => path)));
  const bytes = unread.reduce((sum, {size}) => sum + size, 0);
  const text =
    `${shownNames(names)}: ${count(unread.length, 'file')} of the context (${formatBytes(bytes)}) ` +
    `that no step of ${count(past.records.length, 'build')} read: name ${unread.length === 1 ? 'it' : 'them'} in .dockerignore`;
  return [{kind: 'unread', line: 0, instruction: '', names, builds: past.records.length, seconds: 0, text}];
}

/** The builder reads them itself. */
const isOfTheBuild = (path: string): boolean =>
  /(?:^|\/)(?:[^/]*\.)?(?:dockerfile|containerfile)(?:\.[^/]*)?$/i.test(path) ||
  /\.(?:docker|container)ignore$/.test(path);

/** Paths, a directory in place of those below it where all of them are among them. */
function folded(sent: readonly SentFile[], unread: ReadonlySet<string>): readonly string[] {
  const mixed = new Set<string>();
  for (const {path} of sent) if (!unread.has(path)) for (const above of directories(path)) mixed.add(above);
  return [...new Set([...unread].map((path) => directories(path).find((above) => !mixed.has(above)) ?? path))];
}

/** `a/`, `a/b/` of `a/b/c`. */
const directories = (path: string): readonly string[] =>
  [...path.matchAll(/\//g)].map(({index}) => path.slice(0, index + 1));

const mostNamed = 5;

function shownNames(names: readonly string[]): string {
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '';
  return `${names.slice(0, mostNamed).join(', ')}${more}`;
}
