import {lstat, readdir} from 'node:fs/promises';
import {join, posix} from 'node:path';
import {BuildError, quote, type SourceRange} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {OpenedContext} from '../context/open-context.js';
import type {Plan} from '../plan/plan.js';
import {placeOf} from '../stages/fail.js';
import type {StageStep} from '../stages/graph.js';

type Searched = Pick<OpenedContext, 'root' | 'name' | 'rules' | 'ignoreFile'>;

/**
 * A builder says of a COPY or ADD no more than that a path is not there. Where the build context lacks one of its sources
 * the result is an error that underlines it and says whether a rule left it out, or which name is near; any other error
 * comes back as it is. Never rejects.
 */
export async function explainMissingSource(error: unknown, plan: Plan, context: Searched): Promise<unknown> {
  if (!(error instanceof BuildError) || error.range === undefined) return error;
  if (error.code !== 'STEP_FAILED' && error.code !== 'NOT_FOUND' && error.code !== 'BUILD_FAILED') return error;
  const step = copyAt(plan, error.range);
  if (step === undefined) return error;
  const {operation, statement, range} = step;
  if (operation.kind !== 'copy' && operation.kind !== 'add') return error;
  for (const source of operation.sources) {
    const path = literalPath(source);
    if (path === undefined) continue;
    const found = await problemOf(path, source, context);
    if (found === undefined) continue;
    const place = placeOf(plan.dockerfile, range, source, undefined);
    return new BuildError(error.code, `${statement.instruction.keyword}: ${found.message}`, {
      file: plan.dockerfile.file,
      source: error.details.source ?? plan.dockerfile.text,
      ...place,
      remedy: found.remedy,
      cause: error,
    });
  }
  return error;
}

/** The step that copies from the main context and stands where the error is. */
function copyAt({graph}: Plan, {start, end}: SourceRange): StageStep | undefined {
  return graph.stages
    .flatMap(({steps}) => steps)
    .find(
      ({operation, range}) =>
        (operation.kind === 'copy' || operation.kind === 'add') &&
        operation.source.kind === 'main-context' &&
        range.start <= start &&
        end <= range.end,
    );
}

/** The path of a source relative to the context; undefined for a URL, for wildcards and for the context itself. */
function literalPath(source: string): string | undefined {
  if (/[*?[\\]|^[a-z]+:\/\/|^git@/i.test(source)) return undefined;
  const path = posix.join('/', source).replace(/^\/|\/$/g, '');
  return path === '' ? undefined : path;
}

async function problemOf(
  path: string,
  source: string,
  {root, name, rules, ignoreFile}: Searched,
): Promise<{readonly message: string; readonly remedy: string} | undefined> {
  const there = await lstat(join(root, path)).then(
    () => true,
    () => false,
  );
  if (there) {
    const rule = rules.ignores(path) ? rules.ruleOf(path) : undefined;
    if (rule === undefined || rules.mayHoldSent(path)) return undefined;
    const where = `${ignoreFile ?? 'the ignore file'}:${rule.line}`;
    return {
      message: `${quote(source)} is left out of the build context by ${where} (${rule.pattern})`,
      remedy: `Change that rule, or add !${path} below it. build-image context shows what is sent.`,
    };
  }
  const near = await nearPath(root, path, rules);
  return {
    message: `${quote(source)} is not in the build context${didYouMean(path, near)}`,
    remedy: `Sources are paths below the context, which is ${quote(name)}. build-image context lists what is sent.`,
  };
}

/** Paths beside the missing one: those of the first directory on its way that does not have the next name. */
async function nearPath(root: string, path: string, rules: Searched['rules']): Promise<readonly string[]> {
  const parts = path.split('/');
  for (let depth = 0; depth < parts.length; depth++) {
    const directory = parts.slice(0, depth).join('/');
    const names = await readdir(join(root, directory)).catch(() => undefined);
    if (names === undefined) return [];
    if (names.includes(parts[depth] ?? '')) continue;
    const rest = parts.slice(depth + 1);
    return names.map((each) => posix.join(directory, each, ...rest)).filter((each) => !rules.ignores(each));
  }
  return [];
}
