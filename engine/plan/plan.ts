import type {Dockerfile, Warning} from '../dockerfile/ast.js';
import type {StageGraph} from '../stages/graph.js';

/** A path of a stage where artifacts are looked for. */
export interface ArtifactSource {
  /** Index of the stage. */
  readonly stage: number;
  /** Absolute path in the stage: a directory, or a file. */
  readonly path: string;
  /** Where COPY names files by a wildcard: the absolute pattern; `path` is the directory above its first wildcard. */
  readonly pattern: string | undefined;
}

/** What will run. Pure data: made without clock, file system or network. */
export interface Plan {
  readonly dockerfile: Dockerfile;
  /** The Dockerfile a daemon gets: `dockerfile.text` with overridden ENV values replaced in place, lines kept. */
  readonly effectiveText: string;
  readonly graph: StageGraph;
  readonly artifacts: readonly ArtifactSource[];
  /** Those of the file, the scopes and the context, by line; what the file's `# check=` skips is left out. */
  readonly warnings: readonly Warning[];
  /** What identifies the base images that are known: hex digits of a digest of their layers, by `baseConfigKey`. */
  readonly bases: ReadonlyMap<string, string>;
  /** `# check=error=true`: any warning fails the build. */
  readonly warningsFail: boolean;
}
