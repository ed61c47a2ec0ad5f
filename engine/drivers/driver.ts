import type {BuildContext} from '../context/context.js';
import type {ImageConfig} from '../oci/config.js';
import type {Digest} from '../oci/digest.js';
import type {Descriptor} from '../oci/manifest.js';
import type {Platform} from '../oci/platform.js';
import type {Plan} from '../plan/plan.js';
import type {EventSink} from '../progress/events.js';
import type {EndpointOptions} from '../registry/endpoint.js';
import type {RegistryCredentials} from '../registry/credentials.js';

/** `--build-context NAME=…` (also `additional_contexts` of Compose). */
export type NamedContext =
  | {readonly kind: 'directory'; readonly context: BuildContext}
  /** Image reference. */
  | {readonly kind: 'image'; readonly reference: string}
  /** `oci-layout://PATH[:TAG][@DIGEST]`; `path` is absolute. */
  | {
      readonly kind: 'oci-layout';
      readonly path: string;
      readonly tag: string | undefined;
      readonly digest: string | undefined;
    }
  /** Git or HTTP URL, fetched by the builder. */
  | {readonly kind: 'url'; readonly url: string};

/** `--secret id=…`: where the value is read from, at the moment a step asks for it; `value` is what could be read only once. */
export type SecretSource =
  | {readonly kind: 'file'; readonly path: string}
  | {readonly kind: 'value'; readonly value: Uint8Array}
  | {readonly kind: 'env'; readonly name: string; readonly value: string};

/** `--output type=…`. `dest` undefined or `-`: standard output, where the type allows it. */
export interface Output {
  readonly type: 'image' | 'oci' | 'docker' | 'tar' | 'local';
  readonly dest: string | undefined;
  /** The other `key=value` attributes: `compression`, `compression-level`, `rewrite-timestamp`, `name`, … */
  readonly attributes: Readonly<Record<string, string>>;
}

/** `--cache-from` and `--cache-to`: `type=registry,ref=…`, `type=local,src=…`, `type=inline`, …; paths are absolute. */
export interface CacheSpec {
  readonly type: string;
  /** The other `key=value` attributes. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Of base images, for one driver. Plain data. */
export interface BaseOptions extends EndpointOptions {
  /** References with their platforms that `pull` has asked the registry for already. */
  readonly pulled: Set<string>;
}

/** Everything a driver needs beside the plan. Values from argv and environment are resolved; paths are absolute. */
export interface BuildRequest {
  readonly context: BuildContext;
  readonly contexts: ReadonlyMap<string, NamedContext>;
  /** Full references (`repository:tag`) that the image gets. */
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Values handed to the Dockerfile's ARGs, and predefined ones such as HTTP_PROXY. */
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** Agent socket, or PEM key files, by id (`default`). */
  readonly ssh: ReadonlyMap<string, {readonly socket: string} | {readonly keys: readonly string[]}>;
  /** `host:ip`. */
  readonly extraHosts: readonly string[];
  readonly network: 'default' | 'none' | 'host';
  readonly noCache: boolean;
  /** Stage names (`--no-cache-filter`). */
  readonly noCacheFilter: readonly string[];
  readonly cacheFrom: readonly CacheSpec[];
  readonly cacheTo: readonly CacheSpec[];
  readonly pull: boolean;
  /** Where base images come from; the embedded engine only, which sets it itself. */
  readonly bases?: BaseOptions;
  /** Empty: `image` only. */
  readonly outputs: readonly Output[];
  readonly shmSize: number | undefined;
  readonly ulimits: readonly string[];
  /** Steps at once; undefined: the driver's choice. */
  readonly jobs: number | undefined;
  /** Milliseconds. */
  readonly stepTimeout: number | undefined;
  /** Credentials for one registry host (`index.docker.io` for Docker Hub); never one host's for another. */
  readonly credentials: (host: string) => Promise<RegistryCredentials | undefined>;
  /** Stages whose files are read after the build (artifacts): built too, even where the target does not need them. */
  readonly keepStages: readonly number[];
}

export interface StepOutcome {
  readonly step: string;
  readonly name: string;
  readonly stage: string | undefined;
  readonly line: number | undefined;
  readonly cached: boolean;
  readonly seconds: number;
}

/** A layer of the built image. */
export interface BuiltLayer {
  /** Id of the plan's step that made it; undefined: of the base image. */
  readonly step: string | undefined;
  /** Digest of the uncompressed tar; undefined where the builder does not tell. */
  readonly diffId: string | undefined;
  /** Bytes of the tar, of the files with a daemon; of a base layer as its registry has it. */
  readonly bytes: number;
}

export interface Built {
  readonly driver: Driver['name'];
  /** Manifest digest where the builder makes one; else undefined (the classic image store has image IDs only). */
  readonly manifestDigest: string | undefined;
  /** Of that manifest, with its platform. */
  readonly descriptor?: Descriptor | undefined;
  /** Digest of the image config: the image ID of Docker. Undefined where no image was output. */
  readonly configDigest: string | undefined;
  readonly tags: readonly string[];
  readonly steps: readonly StepOutcome[];
  /** Of the image, the lowest first; empty where the builder does not tell. */
  readonly layers: readonly BuiltLayer[];
  /** Removes what `readTree` needed (stage images of the artifact stages). Idempotent. */
  close(): Promise<void>;
}

/** Where a shell is opened. */
export interface ShellRequest {
  /** Id of the plan's step. */
  readonly step: string;
  /** In what the step left, or in what it starts from. */
  readonly when: 'after' | 'before';
  /** Standard input and output are a terminal. */
  readonly terminal: boolean;
}

/** What a builder would do with a step. */
export interface PredictedStep {
  readonly key: string;
  readonly parts: readonly {readonly kind: string; readonly name: string; readonly value: unknown}[];
  readonly cached: boolean | 'unknown';
}

export interface Driver {
  readonly name: 'docker' | 'embedded' | 'buildkit';
  /**
   * Configs of external images by reference, as far as they are needed before the build (embedded: all) or at hand
   * (docker: those the daemon has). What is not found is left out: the build says it better.
   */
  imageConfigs(
    references: readonly string[],
    request: Pick<BuildRequest, 'pull' | 'bases' | 'credentials'> & {readonly platform: Platform},
    events: EventSink,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ImageConfig>>;
  /** Which steps would come from the cache, by id; a driver without it cannot tell. Nothing is run or made. */
  predict?(plan: Plan, request: BuildRequest, signal: AbortSignal): Promise<ReadonlyMap<string, PredictedStep>>;
  /**
   * A shell in the file system before or after a step, with what the step has of environment, user, directory and mounts;
   * what is changed there is gone afterwards. Resolves to its exit status. Rejects with NOT_FOUND where the cache does not
   * have what it takes. A driver without it cannot.
   */
  shell?(plan: Plan, request: BuildRequest, shell: ShellRequest, signal: AbortSignal): Promise<number>;
  /** Tar stream of `path` in what a failed step and those before it made, by the step's cache key; NOT_FOUND where it is gone. */
  readFailed?(key: string, path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Rejects with BuildError, or the signal's reason when aborted; leaves no container, mount or temporary image. */
  build(plan: Plan, request: BuildRequest, events: EventSink, signal: AbortSignal): Promise<Built>;
  /** Tar stream of `path` in a built stage (its index). Rejects with NOT_FOUND if it is absent. The stage is never run. */
  readTree(built: Built, stage: number, path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A layer in the form that registries get: gzip, or as its builder keeps it. */
export interface LayerForm {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface ExportedLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** The form where it is known already; its bytes need not be at hand. */
  readonly known: LayerForm | undefined;
  /** Repositories (`host/path`) that are known to have the form. */
  readonly places: readonly string[];
  /**
   * Brings the bytes to where `open` of the answer reads them, making the form where it has not been made. What several
   * callers want is done once. `progress` gets bytes of the uncompressed layer.
   */
  ready(signal: AbortSignal, progress?: (current: number, total: number) => void): Promise<ReadyLayer>;
  /** The repository has the form now. */
  keptBy(place: string, form: LayerForm): void;
}

export interface ReadyLayer extends LayerForm {
  /** The bytes from `offset` on. */
  open(offset: number): AsyncIterable<Uint8Array>;
}

/** An image of a builder, on its way to registries. */
export interface ExportedImage {
  readonly driver: Driver['name'];
  readonly configBytes: Uint8Array;
  readonly configDigest: Digest;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly layers: readonly ExportedLayer[];
  /** Tar stream of a path of the image's file system, as `Driver.readTree`. */
  readTree(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Digest of another image that the builder knows by this reference: of a base. */
  digestOf(reference: string, signal: AbortSignal): Promise<Digest | undefined>;
  /** Gives up what was held. Idempotent. */
  close(): Promise<void>;
}
