import type {Warning} from '../dockerfile/ast.js';
import type {StageGraph, StageStep} from './graph.js';
import {cleanPath} from './paths.js';
import {warning} from '../dockerfile/rules.js';

/** What the checks have to know about the build context. */
export interface ContextFacts {
  /** Would the ignore file keep this path (relative, no leading `./`) out of the context? */
  ignores(path: string): boolean;
  /** Patterns of the ignore file, as written. */
  readonly patterns: readonly string[];
  /** The context's root holds a `.git`. */
  readonly hasGit: boolean;
}

function fromContext(step: StageStep): readonly string[] {
  const {operation} = step;
  const transfers = operation.kind === 'copy' || operation.kind === 'add';
  if (!transfers || operation.source.kind !== 'main-context') return [];
  return operation.sources.filter((source) => !/^(?:[a-z][a-z0-9+.-]*:\/\/|git@)/i.test(source));
}

const wildcard = /[*?[\\]/;

/**
 * COPY and ADD of what the ignore file keeps out (BuildKit: CopyIgnoredFile; as there, not with patterns that start with
 * `!`, where a directory may be kept out and a file in it not).
 */
function ignoredCopies(step: StageStep, facts: ContextFacts): readonly Warning[] {
  if (facts.patterns.length === 0 || facts.patterns.some((pattern) => pattern.startsWith('!'))) return [];
  return fromContext(step).flatMap((source) => {
    const path = cleanPath(source).slice(1);
    // The root is never kept out as such, and which files a wildcard means only the context knows.
    if (path === '' || wildcard.test(path) || !facts.ignores(path)) return [];
    const verb = step.operation.kind === 'add' ? 'Add' : 'Copy';
    const message = `Attempting to ${verb} file "${path}" that is excluded by .dockerignore`;
    return [warning('CopyIgnoredFile', message, step.range)];
  });
}

/** `.git` changes with every commit: copied along, it makes every later step run again. */
function gitCopies(step: StageStep, facts: ContextFacts): readonly Warning[] {
  if (!facts.hasGit || facts.ignores('.git')) return [];
  const whole = fromContext(step).some((source) => ['/', '/.git', '/*', '/.*'].includes(cleanPath(source)));
  if (!whole || step.operation.kind === 'config') return [];
  const {operation} = step;
  if (operation.kind !== 'copy' && operation.kind !== 'add') return [];
  if (operation.excludes.some((pattern) => /^(?:\.?\/)?\.git\/?$/.test(pattern))) return [];
  const copiesAsGit = fromContext(step).every((source) => cleanPath(source) === '/.git');
  if (copiesAsGit) return [];
  const message =
    'this copies .git too: the step, and all after it, run again after every commit, fetch or gc; ' +
    'put ".git" into the ignore file, or copy what is needed of it in a step of its own';
  return [warning('ContextHasGit', message, step.range)];
}

/** `CopyIgnoredFile` and `ContextHasGit`, for the stages that the target needs. */
export function contextWarnings(graph: StageGraph, facts: ContextFacts): readonly Warning[] {
  const steps = graph.stages.filter(({reachable}) => reachable).flatMap((stage) => stage.steps);
  return steps.flatMap((step) => [...ignoredCopies(step, facts), ...gitCopies(step, facts)]);
}
