import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {type ComposeOptions, loadCompose} from '../../engine/compose/load-compose.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {type TreeEntry, writeTree} from '../helpers/tree.js';

export const never: AbortSignal = new AbortController().signal;
export type Tree = Readonly<Record<string, TreeEntry>>;

/** A checkout of these files, and its settings. */
export function load(t: ExecutionContext, tree: Tree, environment: Tree = {}, options: Partial<ComposeOptions> = {}) {
  const directory = join(temporaryDirectory(t), 'checkout');
  mkdirSync(directory);
  writeTree(directory, tree);
  const variables = new Map(Object.entries(environment) as [string, string][]);
  return {directory, build: () => loadCompose({directory, environment: variables, ...options}, never)};
}
/** A Compose file with a service `web` of this body. */
export const web = (body: string) => `services:\n  web:\n${body.replaceAll(/^/gm, '    ')}\n`;
