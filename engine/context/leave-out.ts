import {directoryContext} from './directory-context.js';
import {escapePattern} from './ignore-file.js';
import {withRules} from './ignore/ignore.js';
import type {OpenedContext} from './open-context.js';

/** The same context without `path` (relative to its root) and what is below it. Closing either closes both. */
export function leaveOut(context: OpenedContext, path: string): OpenedContext {
  const {name, root, ignoreFile, kind, dockerfileText} = context;
  const rules = withRules(context.rules, [escapePattern(path)]);
  const dispose = () => context.close();
  return {...directoryContext({name, root, rules, ignoreFile, dispose}), kind, dockerfileText};
}
