/** Who decided the value of a build argument. `compose`: a literal; `default`: the default of an interpolation. */
export type ComposeOrigin = 'compose' | 'environment' | '.env' | 'default';

export interface ComposeArg {
  readonly name: string;
  readonly value: string;
  readonly origin: ComposeOrigin;
  /** Variables whose values are in it. */
  readonly variables: readonly string[];
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

export type ComposeContext =
  /** Absolute path. */
  {readonly kind: 'directory'; readonly path: string} | {readonly kind: 'url'; readonly url: string};

export interface ComposeSecret {
  readonly id: string;
  /** `value` undefined: the variable is not set. */
  readonly source:
    | {readonly kind: 'file'; readonly path: string}
    | {readonly kind: 'env'; readonly name: string; readonly value: string | undefined};
}

export interface ComposeSsh {
  readonly id: string;
  /** Absolute paths of keys or of an agent's socket; empty: the agent of SSH_AUTH_SOCK. */
  readonly paths: readonly string[];
}

export interface ComposeEnvFile {
  /** Absolute. */
  readonly path: string;
  readonly required: boolean;
  /** `raw`: values are taken as they stand. */
  readonly format: string | undefined;
}

/** An `env_file` that is absent and has a `*.default` beside it. Absolute paths. */
export interface MissingEnvFile {
  readonly path: string;
  readonly from: string;
}

export interface ComposeWarning {
  readonly message: string;
  readonly file: string | undefined;
  /** 1-based. */
  readonly line: number | undefined;
}

/** Settings of a build as a service of a Compose project has them. */
export interface ComposeBuild {
  /** Absolute paths of all that was read, or looked for: as long as nothing changes there, this is what they say. */
  readonly looked: readonly string[];
  /** Absolute; later ones went over earlier ones. */
  readonly files: readonly string[];
  /** Absolute. */
  readonly projectDirectory: string;
  readonly projectName: string;
  readonly service: string;
  /** As interpolated, not normalised. */
  readonly image: string | undefined;
  readonly context: ComposeContext;
  /** Relative to the context, or absolute; undefined: the default of the builder. */
  readonly dockerfile: string | undefined;
  readonly dockerfileInline: string | undefined;
  readonly target: string | undefined;
  readonly args: readonly ComposeArg[];
  readonly labels: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  /** Absolute path, URL, `docker-image://…`, `oci-layout:///…` or `service:NAME`. */
  readonly additionalContexts: ReadonlyMap<string, string>;
  readonly secrets: readonly ComposeSecret[];
  readonly ssh: readonly ComposeSsh[];
  readonly network: string | undefined;
  readonly noCache: boolean;
  /** Names of stages. */
  readonly noCacheFilter: readonly string[];
  readonly pull: boolean;
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  /** Bytes. */
  readonly shmSize: number | undefined;
  /** `host:address`. */
  readonly extraHosts: readonly string[];
  readonly tags: readonly string[];
  /** `name=soft:hard`, or `name=limit`. */
  readonly ulimits: readonly string[];
  readonly privileged: boolean;
  readonly entitlements: readonly string[];
  readonly envFiles: readonly ComposeEnvFile[];
  readonly missingEnvFiles: readonly MissingEnvFile[];
  readonly warnings: readonly ComposeWarning[];
}
