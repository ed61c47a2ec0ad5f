import test from 'ava';
import type {ContainerConfig} from '../../engine/oci/config.js';
import type {Mount, Operation, Stage} from '../../engine/stages/graph.js';
import type {ResolveOptions} from '../../engine/stages/options.js';
import {buildArgs, graphOf, lastEnvironment, lastStep, targetStage} from './graph.js';

/** The named fields of the target's image config; no others are looked at. */
export const config = test.macro({
  exec(
    t,
    dockerfile: string,
    expected: {readonly [K in keyof ContainerConfig]?: ContainerConfig[K] | undefined},
    options: ResolveOptions = {},
  ) {
    const found = targetStage(graphOf(dockerfile, options)).config;
    for (const [key, value] of Object.entries(expected))
      t.deepEqual(Object.entries(found).find(([k]) => k === key)?.[1], value);
  },
  title: (title = '') => `image config: ${title}`,
});

/** Fields of the target stage. */
export const stage = test.macro({
  exec(t, dockerfile: string, expected: Partial<Stage>, options: ResolveOptions = {}) {
    t.like(targetStage(graphOf(dockerfile, options)), expected);
  },
  title: (title = '') => `target: ${title}`,
});

/** Fields of the operation of the target's last step. */
export const step = test.macro({
  exec(t, dockerfile: string, expected: Partial<Operation>, options: ResolveOptions = {}) {
    t.like(lastStep(graphOf(dockerfile, options)).operation, expected);
  },
  title: (title = '') => `last step: ${title}`,
});

/** The mounts of the target's last step, all of them. */
export const mount = test.macro({
  exec(t, dockerfile: string, ...expected: readonly Partial<Mount>[]) {
    const {operation} = lastStep(graphOf(dockerfile));
    if (operation.kind !== 'run') throw new Error('not RUN');
    t.is(operation.mounts.length, expected.length);
    for (const [index, each] of expected.entries()) t.like(operation.mounts[index], each);
  },
  title: (title = '') => `mounts: ${title}`,
});

/** The environment of the target's last step, without PATH. */
export const sees = test.macro({
  exec(t, dockerfile: string, expected: Readonly<Record<string, string>>, options: ResolveOptions = {}) {
    t.deepEqual(lastEnvironment(graphOf(dockerfile, options)), expected);
  },
  title: (title = '') => `environment of RUN: ${title}`,
});

/** The PATH of a base image that is not known, as `config.Env` holds it. */
export const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Options with these build arguments. */
export const args = (values: Readonly<Record<string, string>>): ResolveOptions => ({buildArgs: buildArgs(values)});
/** The default shell. */
export const shell = ['/bin/sh', '-c'];
