import {basename, resolve} from 'node:path';
import type {Redactor} from '../base/redact.js';
import type {PackageFile} from '../delivery/package-targets.js';
import {parseReference} from '../oci/reference.js';
import type {JobResult} from '../job/run.js';
import type {JobSettings} from '../job/settings.js';
import type {Progress} from '../progress/progress.js';
import type {BuildFlags} from './build-options.js';
import type {PreparedJob} from '../job/prepare.js';
import type {Plan} from '../plan/plan.js';
import {factsOf} from './delivery-documents.js';
import {switched} from './deliver-options.js';
import {openDelivery, type OpenedDelivery} from './open-delivery.js';
import {type Delivered, runDelivery} from './run-delivery.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

export interface BuiltDelivery {
  readonly opened: OpenedDelivery;
  readonly delivered: Delivered;
}

/** What is wrong with the policy, a flag or a variable is told before anything is built; keys are learnt, to be hidden. */
export async function checkDelivery(
  path: string | undefined,
  flags: BuildFlags,
  {tags}: Pick<JobSettings, 'tags'>,
  terminal: Terminal,
  redactor: Redactor,
  signal: AbortSignal,
): Promise<void> {
  const [tag] = tags;
  const own = tag === undefined ? undefined : parseReference(tag);
  const directory = resolve(terminal.directory, path ?? '.');
  const {policy} = await openDelivery({directory, own, packages: []}, flags, terminal, redactor, signal);
  switched(flags.provenance, policy.provenance, '--provenance');
  switched(flags.sbom, policy.sbom, '--sbom');
}

/** `build --deliver`: what was built goes where credentials are configured. Nothing configured is no failure. */
export async function deliverBuilt(
  path: string | undefined,
  flags: BuildFlags,
  job: PreparedJob,
  plan: Plan,
  {built, artifacts}: JobResult,
  terminal: Terminal,
  redactor: Redactor,
  progress: Progress,
  signal: AbortSignal,
): Promise<BuiltDelivery> {
  const [tag] = built.tags;
  const own = tag === undefined ? undefined : parseReference(tag);
  const packages = artifacts.flatMap(({path: file, package: name, version, architecture}): readonly PackageFile[] =>
    name === null || version === null || architecture === null ? [] : [{path: file, name, version, architecture}],
  );
  const directory = resolve(terminal.directory, path ?? '.');
  const opened = await openDelivery({directory, own, packages}, flags, terminal, redactor, signal);
  const {delivery, policy} = opened;
  for (const message of delivery.notes) progress.emit({type: 'note', message});
  if (delivery.nothing !== undefined) {
    progress.emit({type: 'note', message: delivery.nothing});
    return {opened, delivered: {pushed: [], uploaded: [], failures: []}};
  }
  const options = {
    driver: built.driver === 'embedded' ? 'embedded' : 'docker',
    root: storeRoot(flags.root, terminal),
    insecure: flags.insecureRegistry ?? [],
    provenance: switched(flags.provenance, policy.provenance, '--provenance'),
    sbom: switched(flags.sbom, policy.sbom, '--sbom'),
    facts: factsOf(job, plan),
    redactor,
  };
  return {opened, delivered: await runDelivery(opened, own, options, terminal, progress, signal)};
}

/** What is delivered needs a name and a place in the builder, whatever else becomes of it. */
export function deliverableSettings(settings: JobSettings): JobSettings {
  const name = basename(resolve(settings.directory, settings.context))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  const fallback = name.replace(/^-|-$/g, '');
  const tags = settings.tags.length > 0 ? settings.tags : [`${fallback === '' ? 'image' : fallback}:latest`];
  const kept = settings.outputs.length === 0 || settings.outputs.some(({type}) => type === 'image');
  const image = {type: 'image', dest: undefined, attributes: {}} as const;
  return {...settings, tags, outputs: kept ? settings.outputs : [...settings.outputs, image]};
}
