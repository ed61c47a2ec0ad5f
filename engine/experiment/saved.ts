import {readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {BuildError, hasErrno, messageOf} from '../base/errors.js';
import {namesIn} from '../store/files.js';
import type {ExperimentResult, VariantResult} from './result.js';
import {resultFile} from './run-experiment.js';
import {slugOf} from './variant.js';

const mostBytes = 256 * 1024 * 1024;

/** The results of an experiment by its name, or by the directory of its `--output`; undefined where there are none. */
export function savedExperiment(text: string, root: string, directory: string): ExperimentResult | undefined {
  const slug = slugOf(text);
  return readResult(join(root, 'experiments', slug)) ?? readResult(resolve(directory, text));
}

/** Names of the experiments whose results are below the store's root. */
export const savedNames = (root: string): readonly string[] => namesIn(join(root, 'experiments'));

/**
 * A variant of an experiment: `portal/VERSION=1 PORT=80`, `portal:version-1-port-80`, or the tag `experiment/portal:…`.
 * Undefined where it means none.
 */
export function savedVariant(text: string, root: string, directory: string): VariantResult | undefined {
  const tag = text.replace(/^experiment\//, '');
  for (const mark of ['/', ':']) {
    const at = mark === '/' ? tag.lastIndexOf('/') : tag.lastIndexOf(':');
    if (at <= 0) continue;
    const [name, variant] = [tag.slice(0, at), tag.slice(at + 1)];
    const found = savedExperiment(name, root, directory)?.variants.find(
      (one) => one.name === variant || one.slug === variant,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function readResult(path: string): ExperimentResult | undefined {
  try {
    const text = readFileSync(join(path, resultFile));
    if (text.length > mostBytes) throw new BuildError('IO', `${path} holds no result of an experiment`);
    const parsed = JSON.parse(text.toString('utf8')) as ExperimentResult;
    return Array.isArray(parsed.variants) && Array.isArray(parsed.axes) ? parsed : undefined;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR') || error instanceof SyntaxError) return undefined;
    if (error instanceof BuildError) throw error;
    throw new BuildError('IO', `cannot read the experiment: ${messageOf(error)}`, {file: path, cause: error});
  }
}
