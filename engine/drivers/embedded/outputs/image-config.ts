import type {HistoryEntry, ImageConfig} from '../../../oci/config.js';
import type {Digest} from '../../../oci/digest.js';
import {defined} from '../../../oci/json.js';
import type {Stage} from '../../../stages/graph.js';

/** What a step added to the file system. */
export interface StepLayer {
  readonly diffId: Digest;
  /** When the step ended, ISO 8601. */
  readonly created: string;
}

/** A stage with the layers of its steps, by step id; a step without one changed the config only. FROM of a directory has one. */
export interface BuiltStage {
  readonly stage: Pick<Stage, 'steps' | 'config' | 'author' | 'platform' | 'fromId' | 'base'>;
  readonly layers: ReadonlyMap<string, StepLayer>;
}

export interface ImageConfigOptions {
  /** `--label`: no history, over those of the Dockerfile. */
  readonly labels?: Readonly<Record<string, string>>;
  /** SOURCE_DATE_EPOCH, seconds since 1970. */
  readonly epoch?: number | undefined;
}

const comment = 'buildkit.dockerfile.v0';
/** Of a layer that no instruction made. */
const exporterComment = 'buildkit.exporter.image.v0';

/**
 * The configuration of the image that a chain of stages makes, each on the one before (the target last), the first on
 * `base` (undefined: scratch). Pure. History and times are BuildKit's: an entry without a layer has the time of the layer
 * before it, and before the first new layer that layer's time; SOURCE_DATE_EPOCH is the latest time, but the base's.
 */
export function imageConfigOf(
  chain: readonly BuiltStage[],
  base: ImageConfig | undefined,
  options: ImageConfigOptions = {},
): ImageConfig {
  const last = chain.at(-1);
  if (last === undefined) throw new Error('unreachable: an image without a stage');
  const {stage} = last;
  const diffIds: string[] = [...(base?.rootfs.diff_ids ?? [])];
  const history: HistoryEntry[] = [...(base?.history ?? [])];
  const inherited = history.length;
  for (const built of chain) {
    const {base: from, fromId} = built.stage;
    const directory = from.kind === 'context' ? built.layers.get(fromId) : undefined;
    if (from.kind === 'context' && directory !== undefined) {
      diffIds.push(directory.diffId);
      const createdBy = `local source for ${from.name}`;
      history.push({created: directory.created, created_by: createdBy, comment: exporterComment});
    }
    for (const {id, createdBy} of built.stage.steps) {
      if (createdBy === undefined) continue;
      const layer = built.layers.get(id);
      if (layer === undefined) history.push({created_by: createdBy, comment, empty_layer: true});
      else {
        diffIds.push(layer.diffId);
        history.push({created: layer.created, created_by: createdBy, comment});
      }
    }
  }
  const timed = withEpoch(withTimes(history), inherited, options.epoch);
  const {os, architecture, variant} = stage.platform;
  const labels = {...stage.config.Labels, ...options.labels};
  return defined<ImageConfig>({
    architecture: base?.architecture || architecture,
    os: base?.os || os,
    variant: base === undefined ? variant : base.variant,
    'os.version': base?.['os.version'],
    'os.features': base?.['os.features'],
    created: options.epoch === undefined ? timed.at(-1)?.created : timeOf(options.epoch),
    author: stage.author ?? base?.author,
    config: {...stage.config, ...(Object.keys(labels).length > 0 && {Labels: labels})},
    rootfs: {type: 'layers', diff_ids: diffIds},
    history: timed,
  });
}

/** `2001-09-09T01:46:40Z`. */
export function timeOf(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replace(/\.000Z$/, 'Z');
}

function withTimes(history: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const firstUntimed = history.findIndex(({created}) => created === undefined);
  if (firstUntimed === -1) return history;
  const next = history.slice(firstUntimed).find(({created}) => created !== undefined);
  let created = next?.created ?? history[firstUntimed - 1]?.created;
  return history.map((entry, index) => {
    if (entry.created !== undefined) {
      if (index > firstUntimed) ({created} = entry);
      return entry;
    }
    return created === undefined ? entry : {created, ...entry};
  });
}

function withEpoch(
  history: readonly HistoryEntry[],
  inherited: number,
  epoch: number | undefined,
): readonly HistoryEntry[] {
  if (epoch === undefined) return history;
  return history.map((entry, index) => {
    if (index < inherited) return entry;
    const later = entry.created === undefined || Date.parse(entry.created) > epoch * 1000;
    return later ? {...entry, created: timeOf(epoch)} : entry;
  });
}
