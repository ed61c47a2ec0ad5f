import {existsSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {environmentMap} from './driver-choice.js';
import type {Terminal} from './terminal.js';

/** The policy of the checkout in `directory`, whether it is there or not. */
export const policyFiles = (directory: string): readonly string[] =>
  ['build-image.yaml', 'build-image.yml'].map((name) => join(directory, name));

/**
 * Labels of the commit, where the policy file of the checkout wants them in every image. Without such a file nothing is
 * loaded and git is not asked.
 */
export async function revisionLabels(
  path: string | undefined,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const directory = resolve(terminal.directory, path ?? '.');
  if (!policyFiles(directory).some((file) => existsSync(file))) return {};
  const {readPolicy} = await import('../delivery/policy-file.js');
  const policy = await readPolicy(undefined, directory, (file) => file, signal);
  if (!policy.labels) return {};
  const [{readGitState}, {readCiState}, {resolveRevision}, {revisionAnnotations}] = await Promise.all([
    import('../delivery/git-state.js'),
    import('../delivery/ci-state.js'),
    import('../delivery/tags.js'),
    import('../delivery/annotations.js'),
  ]);
  const environment = environmentMap(terminal.environment);
  const found = await readGitState(directory, environment, signal);
  const git = found.kind === 'repository' ? found.state : undefined;
  const ci = readCiState(environment);
  return revisionAnnotations(resolveRevision(git, ci, environment, policy.tags), git, ci);
}
