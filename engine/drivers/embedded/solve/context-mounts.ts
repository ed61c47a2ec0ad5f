import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {makeDirectories} from '../../../base/make-directories.js';
import type {BuildContext} from '../../../context/context.js';
import type {Store} from '../../../store/store.js';
import {temporaryPath} from '../../../store/store.js';
import {copyOf} from './content-key.js';

/** Where a mount finds its part of a context. */
export interface MountedContext {
  readonly root: string;
  /** Path below `root`. */
  readonly path: string;
}

/** Contexts as directories for mounts, until `close`. */
export interface ContextMounts {
  readonly mount: (context: BuildContext, source: string, signal: AbortSignal) => Promise<MountedContext>;
  readonly close: () => void;
}

/**
 * What a mount shows of a context is what COPY would bring: without what is ignored, and of root, whoever it belongs to
 * outside. So it is copied, once for all steps that mount the same.
 */
export function createContextMounts(store: Store): ContextMounts {
  const copies = new Map<string, Promise<MountedContext>>();
  const roots: string[] = [];

  async function copy(context: BuildContext, source: string, signal: AbortSignal): Promise<MountedContext> {
    const root = temporaryPath(store);
    roots.push(root);
    makeDirectories(join(root, 'root'), 0o755);
    const {runFileStep} = await import('../files/step.js');
    const target = join(root, 'root');
    const options = {
      source: {kind: 'context', context} as const,
      root: target,
      empty: true,
      user: '',
      time: undefined,
      scratch: () => temporaryPath(store),
    };
    await runFileStep(copyOf({source}, '/context'), options, signal);
    return {root: target, path: '/context'};
  }

  return {
    mount(context, source, signal) {
      // The main context and a named one may be the same directory behind other rules.
      const key = JSON.stringify([context.root, context.ignorePatterns, source]);
      const found = copies.get(key) ?? copy(context, source, signal);
      copies.set(key, found);
      return found;
    },
    close() {
      for (const root of roots.splice(0)) rmSync(root, {recursive: true, force: true});
    },
  };
}
