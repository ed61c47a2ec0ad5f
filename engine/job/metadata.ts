import type {Artifact} from '../artifacts/artifact.js';
import type {Built} from '../drivers/driver.js';

/** What `--metadata-file` holds: BuildKit's keys, and the artifacts under a key of our own. */
export function metadataOf(built: Built, artifacts: readonly Artifact[]): Record<string, unknown> {
  return {
    ...(built.manifestDigest === undefined ? {} : {'containerimage.digest': built.manifestDigest}),
    ...(built.descriptor === undefined ? {} : {'containerimage.descriptor': built.descriptor}),
    ...(built.configDigest === undefined ? {} : {'containerimage.config.digest': built.configDigest}),
    ...(built.tags.length === 0 ? {} : {'image.name': built.tags.join(',')}),
    'buildimage.artifacts': artifacts.map(artifactFacts),
  };
}

/** The facts of an artifact that scripts may rely on. */
export function artifactFacts(artifact: Artifact): Record<string, unknown> {
  const {path, sha256, size, package: name, version, architecture} = artifact;
  return {path, sha256, size, package: name, version, architecture};
}
