import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {basename, resolve} from 'node:path';
import {BuildError} from '../base/errors.js';
import type {Redactor} from '../base/redact.js';
import {writeBeside} from '../base/write-beside.js';
import {revisionAnnotations} from '../delivery/annotations.js';
import {attachments, type Predicates, statementsOf, subjectsOf} from '../delivery/attestations.js';
import {readCiState} from '../delivery/ci-state.js';
import {failureOf, pushImage, type PushResult} from '../delivery/push-image.js';
import {openTarget} from '../delivery/push-target.js';
import type {Subject} from '../delivery/provenance.js';
import {uploadPackages, type UploadResult} from '../delivery/upload-packages.js';
import type {Reference} from '../oci/reference.js';
import type {Progress} from '../progress/progress.js';
import {type BuildFacts, predicatesOf} from './delivery-documents.js';
import {environmentMap} from './driver-choice.js';
import {exportImage, imageAtHand} from './image-exporter.js';
import type {OpenedDelivery} from './open-delivery.js';
import {registriesOf} from './registries.js';
import type {Terminal} from './terminal.js';

export interface RunOptions {
  readonly driver: string;
  readonly root: string;
  readonly insecure: readonly string[];
  readonly provenance: boolean;
  readonly sbom: boolean;
  readonly facts: BuildFacts | undefined;
  readonly redactor: Redactor;
}

/** What became of a delivery. */
export interface Delivered {
  readonly pushed: readonly PushResult[];
  readonly uploaded: readonly UploadResult[];
  /** One for each registry or package that failed; the others were served. */
  readonly failures: readonly BuildError[];
}

interface Run {
  readonly opened: OpenedDelivery;
  /** The image's name; undefined where it is not known. */
  readonly own: Reference | undefined;
  readonly options: RunOptions;
  readonly terminal: Terminal;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Does what was planned. Rejects where the image cannot be had, or with the signal's reason. */
export async function runDelivery(
  opened: OpenedDelivery,
  own: Reference | undefined,
  options: RunOptions,
  terminal: Terminal,
  progress: Progress,
  signal: AbortSignal,
): Promise<Delivered> {
  const {delivery} = opened;
  const run = {opened, own, options, terminal, progress, signal};
  const pushed = delivery.registries.length === 0 ? [] : await push(run);
  if (delivery.registries.length === 0) await describePackages(run);
  const uploaded =
    delivery.packages.length === 0 ? [] : await uploadPackages(delivery.packages, terminal.directory, progress, signal);
  const failures = [...pushed.map(failureOf), ...uploaded.map(({failure}) => failure)];
  return {pushed, uploaded, failures: failures.filter((failure) => failure !== undefined)};
}

async function push({opened, own, options, terminal, progress, signal}: Run): Promise<readonly PushResult[]> {
  if (own === undefined) {
    throw new BuildError('USAGE', 'which image is to be delivered is not known', {
      remedy: 'Name it: --image REFERENCE, as it was built (--tag), or give the Compose service an image.',
    });
  }
  const {delivery, stored, policy, revision, git} = opened;
  const {driver, root} = options;
  const insecure = [...options.insecure, ...(registriesOf(terminal.environment).insecure ?? [])];
  const reading = readingStep(progress);
  const image = await exportImage(own, {driver, root, stored, progress: reading.tell}, terminal, signal);
  const targets = delivery.registries.map(({target, references}) =>
    openTarget(target, references, {stored, insecure, events: progress}),
  );
  try {
    const state = git.kind === 'repository' ? git.state : undefined;
    const ci = readCiState(environmentMap(terminal.environment));
    const annotations = {...revisionAnnotations(revision, state, ci), ...policy.annotations};
    const predicates = await predicatesOf({image, own}, {opened, ci, ...options}, progress, signal);
    const wanted = predicates.provenance !== undefined || predicates.sbom !== undefined;
    const names = delivery.registries.flatMap(({references}) => references);
    const results = await pushImage(
      image,
      targets,
      {
        annotations,
        attach: wanted
          ? (manifest) => attachments(manifest, predicates, subjectsOf(names, manifest.digest, []), annotations)
          : undefined,
        events: progress,
      },
      signal,
    );
    await writeDocuments(predicates, opened, terminal.directory);
    return results;
  } finally {
    reading.done();
    for (const target of targets) await target.close();
    await image.close();
  }
}

/** Documents for packages that are delivered without their image. */
async function describePackages({opened, own, options, terminal, progress, signal}: Run): Promise<void> {
  if (!options.provenance && !options.sbom) return;
  const place = {driver: options.driver, root: options.root, stored: opened.stored};
  const image = own === undefined ? undefined : await imageAtHand(own, place, terminal, signal);
  try {
    const ci = readCiState(environmentMap(terminal.environment));
    const built = image === undefined || own === undefined ? undefined : {image, own};
    const predicates = await predicatesOf(built, {opened, ci, ...options}, progress, signal);
    await writeDocuments(predicates, opened, terminal.directory);
  } finally {
    await image?.close();
  }
}

/** What is said of the packages lies beside each of them. */
async function writeDocuments(predicates: Predicates, opened: OpenedDelivery, directory: string): Promise<void> {
  for (const {path, subject} of await subjectsOfPackages(opened, directory)) {
    for (const {type, bytes} of statementsOf(predicates, [subject])) {
      const kind = type.includes('spdx') ? 'spdx' : 'provenance';
      // What lies beside a package is the SBOM itself; the statement about it names the package.
      const content = kind === 'spdx' ? Buffer.from(`${JSON.stringify(predicates.sbom, null, 2)}\n`) : bytes;
      await writeBeside(resolve(directory, `${path}.${kind}.json`), content);
    }
  }
}

/** The packages that were built with the image. */
async function subjectsOfPackages(
  {packages}: OpenedDelivery,
  directory: string,
): Promise<readonly {readonly path: string; readonly subject: Subject}[]> {
  return Promise.all(
    packages.map(async ({path}) => {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(resolve(directory, path)) as AsyncIterable<Buffer>) hash.update(chunk);
      return {path, subject: {name: basename(path), sha256: hash.digest('hex')}};
    }),
  );
}

/** The step of reading an image from the daemon, which is there only where that has to be done. */
function readingStep(progress: Progress): {
  readonly tell: (current: number, total: number) => void;
  readonly done: () => void;
} {
  let begun: number | undefined;
  const step = 'read';
  return {
    tell(current, total) {
      if (begun === undefined) progress.emit({type: 'step-started', step, name: 'reading the image from the daemon'});
      begun ??= performance.now();
      progress.emit({type: 'step-progress', step, label: 'layers', current, total: Math.max(total, current)});
    },
    done() {
      if (begun !== undefined) progress.emit({type: 'step-done', step, seconds: (performance.now() - begun) / 1000});
      begun = undefined;
    },
  };
}
