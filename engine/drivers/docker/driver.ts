import type {Writable} from 'node:stream';
import {BuildError} from '../../base/errors.js';
import type {Built, Driver} from '../driver.js';
import {type Daemon, openDaemon} from './daemon.js';
import type {DockerEndpoint} from './endpoint.js';
import {imageLayers} from './image-layers.js';
import {checkOutputs} from './outputs/outputs.js';
import {pushTags, wantsPush} from './push.js';
import {readStage, removeImage} from './stage-images.js';
import {usableNetwork} from './usable-network.js';

export interface DockerDriverOptions {
  /** `auto` (the default): BuildKit where the daemon has it, else the classic builder. */
  readonly builder?: 'auto' | 'buildkit' | 'classic';
  /** Where an output goes whose destination is `-`, or that has none. Not ended. */
  readonly stdout?: Writable;
}

/** What a builder of the daemon made: the target, and the images of the stages that are read afterwards. */
export interface DaemonBuild {
  readonly configDigest: string | undefined;
  readonly manifestDigest: string | undefined;
  readonly steps: Built['steps'];
  /** Image ID of each kept stage. */
  readonly stages: ReadonlyMap<number, string>;
  /** Those of `stages` that exist for the reading alone, and go with it. */
  readonly temporary: readonly string[];
}

interface Held {
  readonly daemon: Daemon;
  readonly stages: ReadonlyMap<number, string>;
}

/** Builds with a Docker daemon (or Podman's compatible one). A connection is made per build. */
export function createDockerDriver(endpoint: DockerEndpoint, options: DockerDriverOptions = {}): Driver {
  const held = new WeakMap<Built, Held>();
  return {
    name: 'docker',
    async imageConfigs(references, _request, _events, signal) {
      const {localImageConfigs} = await import('./image-configs.js');
      return localImageConfigs(endpoint, references, signal);
    },
    async build(plan, asked, events, signal) {
      const daemon = await openDaemon(endpoint, signal);
      let temporary: readonly string[] = [];
      const close = onlyOnce(async () => {
        try {
          for (const image of temporary) await removeImage(daemon, image);
        } finally {
          daemon.close();
        }
      });
      try {
        const request = await usableNetwork(daemon, asked, events, signal);
        checkOutputs(request.outputs, daemon, options.stdout);
        const made = await (
          usesBuildkit(daemon, options.builder ?? 'auto')
            ? (await import('./buildkit-build.js')).buildWithBuildkit
            : (await import('./classic/classic-build.js')).buildClassic
        )(daemon, plan, request, events, signal, options.stdout);
        ({temporary} = made);
        if (wantsPush(request)) await pushTags(daemon, request, events, signal);
        const built: Built = {
          driver: 'docker',
          configDigest: made.configDigest,
          manifestDigest: made.manifestDigest,
          tags: request.tags,
          steps: made.steps,
          layers: made.configDigest === undefined ? [] : await imageLayers(daemon, made.configDigest, plan, signal),
          close,
        };
        held.set(built, {daemon, stages: made.stages});
        return built;
      } catch (error) {
        // What went wrong first says more than what goes wrong while it is tidied up.
        await close().catch(() => undefined);
        throw error;
      }
    },
    async *readTree(built, stage, path, signal) {
      const found = held.get(built);
      const image = found?.stages.get(stage);
      if (found === undefined || image === undefined) {
        throw new BuildError('NOT_FOUND', `stage ${stage} was not kept by this build`);
      }
      yield* readStage(found.daemon, image, path, signal);
    },
  };
}

/** API 1.39 came with BuildKit; Podman's daemon has none, and says which it is. */
function usesBuildkit({ping, api}: Daemon, wanted: 'auto' | 'buildkit' | 'classic'): boolean {
  if (wanted !== 'auto') return wanted === 'buildkit';
  if (ping.builderVersion === '2') return true;
  return ping.osType === 'linux' && api >= 139 && !/^Libpod\//i.test(ping.server ?? '');
}

function onlyOnce(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= run());
}
