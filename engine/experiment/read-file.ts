import {readFile} from 'node:fs/promises';
import {basename, resolve} from 'node:path';
import * as v from 'valibot';
import {BuildError, hasErrno} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {type ComposeNode, describe} from '../compose/node.js';
import {parseYaml} from '../compose/parse-yaml.js';
import {errorAt, type SourceFile} from '../compose/source.js';
import type {Definition, Where} from './definition.js';
import {definitionOf} from './definition-of.js';
import {fileSchema} from './file-schema.js';
import {plainOf} from './plain-of.js';

const mostBytes = 1024 * 1024;

/** Reads the file of an experiment. Rejects with CONFIG_INVALID or COMPOSE_SYNTAX at the line that is wrong. */
export async function readDefinition(path: string, directory: string, signal: AbortSignal): Promise<Definition> {
  const file = await readSource(path, directory, signal);
  return parseDefinition(file);
}

async function readSource(path: string, directory: string, signal: AbortSignal): Promise<SourceFile> {
  const full = resolve(directory, path);
  try {
    const text = await readFile(full, {encoding: 'utf8', signal});
    if (text.length > mostBytes) throw new BuildError('CONFIG_INVALID', `${path} is larger than 1 MiB`);
    return {path: full, label: path, text, directory};
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES')) throw error;
    throw new BuildError('CONFIG_INVALID', `the experiment ${path} cannot be read`, {
      remedy: 'Name its YAML file, or give the axes as flags: --matrix VERSION=1,2 --matrix env:PORT=80,8080.',
      cause: error,
    });
  }
}

/** The same for a text that has been read. */
export async function parseDefinition(file: SourceFile): Promise<Definition> {
  const documents = await parseYaml(file);
  const [root, second] = documents;
  if (root === undefined || second !== undefined) {
    const what = root === undefined ? 'it is empty' : 'it has more than one document';
    throw new BuildError('CONFIG_INVALID', `no experiment: ${what}`, {file: file.label});
  }
  const {value, nodes} = plainOf(root);
  const checked = v.safeParse(fileSchema, value);
  if (!checked.success) throw issueError(checked.issues, nodes, root);
  const where: Where = (path, message, remedy) => {
    const node = nodes.get(path.join('\0')) ?? root;
    return errorAt('CONFIG_INVALID', message, node.at, remedy);
  };
  const name = basename(file.label)
    .replace(/\.[^.]*$/, '')
    .replace(/[^\w.-]+/g, '-');
  return definitionOf(checked.output, name, where);
}

type Issue = v.BaseIssue<unknown>;

/** The first thing that is wrong, with the nearest key where one is not known. */
function issueError(issues: readonly Issue[], nodes: ReadonlyMap<string, ComposeNode>, root: ComposeNode): BuildError {
  const [issue] = issues;
  const path = (issue?.path ?? []).map(({key}) => String(key));
  const key = path.at(-1) ?? '';
  const node = nodes.get(path.join('\0')) ?? root;
  const parent = nodes.get(path.slice(0, -1).join('\0'));
  const unknown = issue?.type === 'strict_object' && issue.expected === 'never';
  if (unknown) {
    const at = parent?.kind === 'map' ? (parent.entries.get(key)?.key ?? node.at) : node.at;
    const known = keysAt(path.slice(0, -1));
    return errorAt(
      'CONFIG_INVALID',
      `unknown key "${key}"${didYouMean(key, known)}`,
      at,
      known.length === 0 ? undefined : `Known here: ${known.join(', ')}.`,
    );
  }
  const found = node.kind === 'scalar' && node.text !== '' ? '' : `, not ${describe(node)}`;
  return errorAt(
    'CONFIG_INVALID',
    `${path.join('.')}${path.length > 0 ? ': ' : ''}${issue?.message ?? 'is wrong'}${found}`,
    node.at,
  );
}

/** Keys that the schema has at a path. */
function keysAt(path: readonly string[]): readonly string[] {
  let schema: unknown = fileSchema;
  for (const part of path) schema = inner(schema, part);
  const {entries} = unwrap(schema) as {entries?: object};
  return Object.keys(entries ?? {});
}

function inner(schema: unknown, key: string): unknown {
  const found = unwrap(schema) as {entries?: Record<string, unknown>; item?: unknown; value?: unknown};
  return found.entries?.[key] ?? found.item ?? found.value;
}

/** Without `optional`, and without the checks of a pipe. */
function unwrap(schema: unknown): object {
  const found = (schema ?? {}) as {type?: string; wrapped?: unknown};
  return found.type === 'optional' ? unwrap(found.wrapped) : found;
}
