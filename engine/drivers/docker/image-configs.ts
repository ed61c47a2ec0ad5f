import type {ContainerConfig, ImageConfig} from '../../oci/config.js';
import {inspectImage, statusOf} from './api.js';
import {openDaemon} from './daemon.js';
import type {DockerEndpoint} from './endpoint.js';

/**
 * Configs of the images that the daemon has, by reference as given. Nothing is pulled; what it does not have is left out.
 * Rejects as the daemon does where it is gone.
 */
export async function localImageConfigs(
  endpoint: DockerEndpoint,
  references: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ImageConfig>> {
  const configs = new Map<string, ImageConfig>();
  if (references.length === 0) return configs;
  const daemon = await openDaemon(endpoint, signal);
  try {
    await Promise.all(
      references.map(async (reference) => {
        try {
          const found = await inspectImage(daemon, reference, signal);
          configs.set(reference, {
            architecture: found.Architecture,
            os: found.Os,
            config: imagePart(found.Config ?? {}),
            rootfs: {type: 'layers', diff_ids: found.RootFS?.Layers ?? []},
          });
        } catch (error) {
          // 404: not here; 400: no reference that this daemon understands.
          if (statusOf(error) === undefined) throw error;
        }
      }),
    );
    return configs;
  } finally {
    daemon.close();
  }
}

const keys = [
  ...['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir', 'Labels', 'StopSignal'],
  ...['ArgsEscaped', 'Healthcheck', 'OnBuild', 'Shell'],
];

/** The daemon answers with fields of containers too, and null for what is not set. */
function imagePart(config: object): ContainerConfig {
  return Object.fromEntries(Object.entries(config).filter(([key, value]) => keys.includes(key) && value !== null));
}
