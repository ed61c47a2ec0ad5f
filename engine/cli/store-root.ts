import {resolve} from 'node:path';
import {defaultStoreRoot} from '../store/root.js';
import {environmentMap, homeOf} from './driver-choice.js';
import type {Terminal} from './terminal.js';

/** `--root`, else BUILD_IMAGE_ROOT, else the user's default. Absolute. */
export function storeRoot(flag: string | undefined, terminal: Terminal): string {
  const given = flag ?? terminal.environment['BUILD_IMAGE_ROOT'] ?? '';
  if (given !== '') return resolve(terminal.directory, given);
  return defaultStoreRoot(terminal.uid, environmentMap(terminal.environment), homeOf(terminal.environment));
}
