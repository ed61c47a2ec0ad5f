import {layerCompression} from '../../../oci/media-types.js';
import type {EventSink} from '../../../progress/events.js';
import {decompress} from '../../../snapshot/decompress.js';
import {adoptRoot} from '../../../snapshot/overlay.js';
import {claimBlob, readBlob, writeBlob} from '../../../store/blobs.js';
import {writeRecord} from '../../../store/records.js';
import {writeSnapshotDiff} from '../../../store/snapshot-diff.js';
import {
  completeSnapshot,
  discardSnapshot,
  newSnapshot,
  snapshotFs,
  writeSnapshotLayer,
} from '../../../store/snapshots.js';
import type {LayerRecord, StepRecord} from '../../../store/step-record.js';
import type {Store} from '../../../store/store.js';
import {applyVerified} from '../apply-verified.js';
import {layerVariant} from '../layer-blobs.js';
import {generation} from '../solve/lookup.js';
import type {Result, StepJob} from '../solve/solver.js';
import type {ImportedStep} from './imports.js';

export interface LandingPlace {
  readonly store: Store;
  readonly rootless: boolean;
  readonly events: EventSink;
  readonly signal: AbortSignal;
}

/** Brings the layer's bytes into the store, verified; nothing where they are there. */
export async function fetchLayer(store: Store, {layer, source}: ImportedStep, signal: AbortSignal): Promise<void> {
  if (layer === undefined || claimBlob(store, layer.digest)) return;
  const {digest, size} = layer;
  await writeBlob(store, source.open(layer, signal), {digest, size});
}

/** Keeps that the step is known, for builds without the cache: it runs again only where its files are wanted. */
export function rememberStep(
  store: Store,
  key: string,
  {record}: ImportedStep,
  own: Pick<StepRecord, 'stepIdentity' | 'parts'>,
): void {
  const {run, seconds, created} = record;
  const parts = {...own.parts, ...(run !== undefined && {[generation]: run})};
  writeRecord(store, {key, stepIdentity: own.stepIdentity, parts, snapshot: null, seconds, created});
}

/**
 * Makes a snapshot of an imported layer and a record of its step, over the snapshots `below` (bottom first). The layer is
 * not trusted: it is unpacked as those of base images are. Rejects as these do, and with DIGEST_MISMATCH.
 */
export async function landStep(
  place: LandingPlace,
  {key}: StepJob,
  {record, layer, source}: ImportedStep,
  below: readonly string[],
  own: Pick<StepRecord, 'stepIdentity' | 'parts'>,
): Promise<Result> {
  const {store, events} = place;
  if (layer === undefined) throw new Error('unreachable: a step without a layer');
  const step = `layer ${layer.diffId}`;
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const name = `[internal] unpack ${source.name} ${layer.digest.slice(0, 19)}`;
  events.emit({type: 'step-started', step, name});
  const snapshot = newSnapshot(store);
  try {
    const size = await unpack(place, layer, snapshot.fs, below);
    completeSnapshot(store, snapshot.id, {synced: false, parents: below.slice(-1)});
    const {diffId} = layer;
    writeSnapshotDiff(store, snapshot.id, 'plain', {diffId, size});
    const compression = layerCompression(layer.mediaType) ?? 'none';
    // An output of the same compression has the same bytes without making them again.
    if (compression !== 'none') {
      const {digest, mediaType} = layer;
      const variant = layerVariant({compression, level: layer.level}, {clamp: undefined});
      writeSnapshotLayer(store, snapshot.id, variant, {diffId, digest, mediaType, size: layer.size});
    }
    const {run, created} = record;
    const parts = {...own.parts, ...(run !== undefined && {[generation]: run})};
    writeRecord(store, {key, ...own, parts, snapshot: snapshot.id, seconds: record.seconds, created});
    events.emit({type: 'step-done', step, seconds: seconds()});
    const {id} = snapshot;
    return {key, snapshot: id, parts: [id], cached: true, seconds: 0, created, ...(run !== undefined && {run})};
  } catch (error) {
    discardSnapshot(store, snapshot.id);
    events.emit({type: 'step-done', step, seconds: seconds()});
    throw error;
  }
}

/** Gives the bytes of the tar. */
async function unpack(
  {store, rootless, signal}: LandingPlace,
  layer: LayerRecord,
  directory: string,
  below: readonly string[],
): Promise<number> {
  const [top] = below.slice(-1);
  if (top !== undefined) adoptRoot(directory, snapshotFs(store, top));
  const tar = decompress(readBlob(store, layer.digest), layerCompression(layer.mediaType) ?? 'none', signal);
  const {diffId, digest} = layer;
  const wanted = {rootless, diffId, directory, below, name: `the layer ${digest}`, saidBy: 'the cache'};
  return applyVerified(store, tar, wanted, signal);
}
