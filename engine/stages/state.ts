import type {SourceRange} from '../base/errors.js';
import type {Dockerfile} from '../dockerfile/ast.js';
import type {ContainerConfig} from '../oci/config.js';
import type {Binding, Operation, Source} from './graph.js';
import {cleanPath} from './paths.js';
import type {ArgSources, OnUnset, Scope, Words} from './scope.js';
import {wordsOf} from './scope.js';
import type {Reading} from './sources.js';

/** A stage while its instructions are read; each instruction moves it on. */
export interface StageState {
  readonly scope: Scope;
  /** ENV alone, whatever ARG stands over it. */
  readonly env: Map<string, Binding>;
  config: ContainerConfig;
  author: string | undefined;
  /** CMD was given in this stage: ENTRYPOINT then leaves it. */
  cmdSet: boolean;
}

/** What an instruction is read with. */
export interface Reader {
  readonly dockerfile: Dockerfile;
  readonly state: StageState;
  readonly stage: number;
  readonly sources: ArgSources;
  /** `--env` values that hold in this stage, by name. */
  readonly overrides: ReadonlyMap<string, string>;
  readonly onUnset: OnUnset;
  /** Index in the Dockerfile or context, image: what a `from` names. */
  source(reading: Omit<Reading, 'stage' | 'strict'>): Exclude<Source, {kind: 'main-context'}>;
}

export interface Read {
  readonly operation: Operation;
  /** After expansion. */
  readonly text: string;
  readonly reads: readonly Source[];
  /** `created_by` of the image's history; undefined: RUN (its ARGs are added where the step is made), and ONBUILD, which leaves none. */
  readonly createdBy: string | undefined;
}

export function words(reader: Reader, range: SourceRange): Words {
  return wordsOf(reader.dockerfile, reader.state.scope, range, reader.onUnset);
}

export const configOnly = (text: string, createdBy: string | undefined): Read => ({
  operation: {kind: 'config'},
  text,
  reads: [],
  createdBy,
});

/** Working directory in force: absolute and clean. */
export const workdirOf = (config: ContainerConfig): string => cleanPath(config.WorkingDir ?? '/');
