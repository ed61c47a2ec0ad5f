import {spawn} from 'node:child_process';
import {lstatSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {pack, type Header} from 'tar-stream';
import {BuildError} from '../../engine/base/errors.js';
import type {ReadTree} from '../../engine/artifacts/stage-tree.js';

/** Stages that are directories, read by GNU tar with the names that Docker's archive API gives. */
export function stagesIn(...roots: readonly string[]): ReadTree {
  return async function* (stage, path, signal) {
    const full = join(roots[stage] ?? '/nowhere', path);
    try {
      lstatSync(full);
    } catch (cause) {
      throw new BuildError('NOT_FOUND', `no ${path}`, {cause});
    }
    const [directory, name] = path === '/' ? [full, '.'] : [dirname(full), basename(full)];
    const tar = spawn('tar', ['-C', directory, '-cf', '-', name], {stdio: ['ignore', 'pipe', 'ignore']});
    try {
      for await (const piece of tar.stdout as AsyncIterable<Uint8Array>) {
        signal.throwIfAborted();
        yield piece;
      }
    } finally {
      tar.kill();
    }
  };
}

/** A stage whose tar holds just these entries, at whatever path. */
export function stageOf(
  entries: readonly (readonly [Partial<Header> & {name: string}, (string | Buffer | undefined)?])[],
): ReadTree {
  return async function* () {
    const archive = pack();
    for (const [header, content] of entries) archive.entry(header, content ?? '');
    archive.finalize();
    for await (const piece of archive as AsyncIterable<Uint8Array>) yield piece;
  };
}
