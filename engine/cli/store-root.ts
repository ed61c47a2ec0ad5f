import {resolve} from 'node:path';
import {assertOwnStore} from '../store/own-store.js';
import {defaultStoreRoot} from '../store/root.js';
import {environmentMap, homeOf} from './driver-choice.js';
import type {Terminal} from './terminal.js';

/** `--root`, else BUILD_IMAGE_ROOT, else the user's default. Absolute. Throws IO where the store there is another user's. */
export function storeRoot(flag: string | undefined, terminal: Terminal): string {
  const root = namedRoot(flag, terminal);
  // Also before what needs no store: its history, and who follows its builds.
  assertOwnStore(root);
  return root;
}

/** The same, whoever's it is. */
export function namedRoot(flag: string | undefined, terminal: Terminal): string {
  const given = flag ?? terminal.environment['BUILD_IMAGE_ROOT'] ?? '';
  if (given !== '') return resolve(terminal.directory, given);
  return defaultStoreRoot(terminal.uid, environmentMap(terminal.environment), homeOf(terminal.environment));
}
