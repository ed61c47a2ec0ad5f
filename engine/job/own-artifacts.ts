import {readdir} from 'node:fs/promises';
import {join, relative, resolve, sep} from 'node:path';
import {everyPackage, parseArtifactPattern} from '../artifacts/pattern.js';
import {hasErrno} from '../base/errors.js';
import type {Dockerfile, Statement} from '../dockerfile/ast.js';
import {parseStatements} from '../dockerfile/statement.js';
import type {JobSettings} from './settings.js';

/** What a delivery says of a package, beside it. */
const documentSuffix = /\.(?:provenance|spdx)\.json$/;

/** A directory with more in it holds not only what builds took out. */
const mostFiles = 1000;

/**
 * The artifacts directory, relative to the context's root, where it lies in the context and holds nothing but artifacts of
 * earlier builds: sent along, each new package would make every later step run again. Undefined where it lies elsewhere,
 * where there is other work in it, or where the Dockerfile names it.
 */
export async function ownArtifacts(
  settings: JobSettings,
  root: string,
  dockerfile: Dockerfile,
): Promise<string | undefined> {
  const directory = resolve(settings.directory, settings.artifactsDirectory);
  const path = relative(root, directory);
  if (path === '' || path.startsWith('..') || !settings.wantArtifacts) return undefined;
  const [first = ''] = path.split(sep);
  if (parseStatements(dockerfile).some((statement) => names(statement, first))) return undefined;
  const patterns = settings.artifacts.length === 0 ? [everyPackage] : settings.artifacts.map(parseArtifactPattern);
  const files = await filesIn(directory);
  const packages = new Set(files.filter((file) => patterns.some((pattern) => pattern.matches(join('/', file), file))));
  const artifacts = files.every((file) => packages.has(file) || packages.has(file.replace(documentSuffix, '')));
  return files.length > 0 && files.length <= mostFiles && artifacts ? path : undefined;
}

/** Whether an instruction may read the directory `first` of the context by name; what a variable stands for may be it. */
function names(statement: Statement, first: string): boolean {
  if (statement.kind === 'run') {
    return statement.mounts.some(
      ({text}) => !/\bfrom=/.test(text) && (text.includes(first) || /source=[^,]*\$/.test(text)),
    );
  }
  if ((statement.kind !== 'copy' && statement.kind !== 'add') || statement.from !== undefined) return false;
  return statement.sources.some((source) => source.includes('$') || mayMatch(source, first));
}

/** Whether the first name of a source, which may have wildcards, may be `first`. */
function mayMatch(source: string, first: string): boolean {
  const [name = ''] = source.replace(/^(?:\.?\/)+/, '').split('/');
  if (/[[\\]/.test(name)) return true;
  const pattern = name
    .replace(/[.+^${}()|]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return name !== '.' && new RegExp(`^${pattern}$`, 's').test(first);
}

async function filesIn(directory: string): Promise<readonly string[]> {
  try {
    const found = await readdir(directory, {recursive: true, withFileTypes: true});
    return found
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}
