import {chmodSync, mkdirSync} from 'node:fs';
import {execFileSync} from 'node:child_process';
import {join} from 'node:path';
import {openContext} from '../../../engine/context/open-context.js';
import {parseDockerfile} from '../../../engine/dockerfile/parse.js';
import {runFileStep} from '../../../engine/drivers/embedded/files/step.js';
import type {CopySource} from '../../../engine/drivers/embedded/files/source-tree.js';
import {resolveStages} from '../../../engine/stages/resolve.js';
import type {Source} from '../../../engine/stages/graph.js';
import {buildArgs} from '../../helpers/graph.js';
import type {ConformanceCase} from './case.js';
import {makeTree} from './tree.js';

/** Builds a case of which every step is COPY, ADD or WORKDIR, in plain directories below `work`. Returns the target's root. */
export async function buildFiles(one: ConformanceCase, work: string, signal: AbortSignal): Promise<string> {
  const context = join(work, 'context');
  mkdirSync(context);
  makeTree(context, one.context ?? {});
  const opened = await openContext(context, {keep: []}, signal);
  try {
    const graph = resolveStages(parseDockerfile(one.dockerfile), {
      buildArgs: buildArgs(one.buildArgs ?? {}),
      target: one.target,
    });
    const epoch = one.buildArgs?.['SOURCE_DATE_EPOCH'];
    const roots = graph.stages.map((stage) => join(work, `stage-${stage.index}`));
    const sourceOf = (source: Source): CopySource => {
      if (source.kind === 'stage') return {kind: 'directory', root: roots[source.index] ?? ''};
      return {kind: 'context', context: opened};
    };
    let scratches = 0;
    const scratch = (): string => join(work, `scratch-${scratches++}`);
    for (const stage of graph.stages) {
      if (!stage.reachable) continue;
      const root = roots[stage.index] ?? '';
      if (stage.base.kind === 'stage') execFileSync('cp', ['-a', roots[stage.base.index] ?? '', root]);
      else mkdirSync(root);
      chmodSync(root, 0o755);
      let empty = stage.base.kind === 'scratch';
      for (const {operation, config} of stage.steps) {
        if (operation.kind === 'run') throw new Error('a case with RUN needs a container');
        if (operation.kind === 'config') continue;
        const source = operation.kind === 'workdir' ? undefined : sourceOf(operation.source);
        const time = epoch === undefined ? undefined : {seconds: Number(epoch), nanoseconds: 0};
        await runFileStep(operation, {source, root, empty, user: config.User ?? '', time, scratch}, signal);
        empty = false;
      }
    }
    return roots[graph.target] ?? '';
  } finally {
    await opened.close();
  }
}
