import {BuildError, messageOf} from '../base/errors.js';
import {mapStrings} from '../base/map-strings.js';
import type {Redactor} from '../base/redact.js';
import type {Predicates} from '../delivery/attestations.js';
import type {CiState} from '../delivery/ci-state.js';
import {imagePackages} from '../delivery/image-packages.js';
import {provenance} from '../delivery/provenance.js';
import {spdxDocument} from '../delivery/sbom.js';
import type {ExportedImage} from '../drivers/driver.js';
import type {PreparedJob} from '../job/prepare.js';
import {familiarName, type Reference} from '../oci/reference.js';
import type {Plan} from '../plan/plan.js';
import type {EventSink} from '../progress/events.js';
import type {DeliverFlags} from './deliver-options.js';
import type {OpenedDelivery} from './open-delivery.js';
import {openJob} from './open-job.js';
import type {Terminal} from './terminal.js';
import {version} from './version.js';

/** What the build says of itself. */
export interface BuildFacts {
  readonly plan: Plan;
  readonly args: readonly {readonly name: string; readonly value: string}[];
  readonly dockerfile: string;
  readonly secrets: readonly string[];
}

export function factsOf({settings, dockerfile}: Pick<PreparedJob, 'settings' | 'dockerfile'>, plan: Plan): BuildFacts {
  return {plan, args: settings.buildArgs, dockerfile: dockerfile.file, secrets: [...settings.secrets.keys()]};
}

/** The same where the build was another run: what the checkout says now. Undefined where it has no Dockerfile to read. */
export async function factsOfCheckout(
  path: string | undefined,
  {driver, compose, service}: DeliverFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<BuildFacts | undefined> {
  try {
    const flags = {driver, ...(compose !== undefined && {compose}), ...(service !== undefined && {service})};
    const job = await openJob(path, flags, terminal, signal);
    await job.close();
    return factsOf(job, job.plan);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

interface DocumentOptions {
  readonly opened: OpenedDelivery;
  readonly ci: CiState | undefined;
  readonly provenance: boolean;
  readonly sbom: boolean;
  readonly facts: BuildFacts | undefined;
  readonly redactor: Redactor;
}

/**
 * Provenance and SBOM of what was built, as far as they are wanted and can be made; secrets are hidden in them. Without the
 * image there is no SBOM, and the digests of its bases are not known.
 */
export async function predicatesOf(
  built: {readonly image: ExportedImage; readonly own: Reference} | undefined,
  {opened, ci, facts, redactor, ...wanted}: DocumentOptions,
  events: EventSink,
  signal: AbortSignal,
): Promise<Predicates> {
  const {revision, git} = opened;
  const image = built?.image;
  const bases = new Map<string, Awaited<ReturnType<ExportedImage['digestOf']>>>();
  for (const base of facts?.plan.graph.images ?? []) bases.set(base, await image?.digestOf(base, signal));
  const described = wanted.provenance
    ? provenance({
        plan: facts?.plan,
        args: facts?.args ?? [],
        dockerfile: facts?.dockerfile,
        source: (git.kind === 'repository' ? git.state.source : undefined) ?? ci?.source,
        revision: revision.hash,
        branch: revision.branch,
        bases,
        driver: image?.driver,
        version: version(),
        run: ci?.run,
        finished: image?.config.created,
        secrets: facts?.secrets ?? [],
      })
    : undefined;
  const sbom = wanted.sbom && built !== undefined ? await sbomOf(built.image, built.own, events, signal) : undefined;
  const clean = (document: object | undefined): object | undefined =>
    document === undefined ? undefined : mapStrings(document, (text) => redactor.redact(text));
  return {provenance: clean(described), sbom: clean(sbom)};
}

async function sbomOf(
  image: ExportedImage,
  own: Reference,
  events: EventSink,
  signal: AbortSignal,
): Promise<object | undefined> {
  try {
    const found = await imagePackages(image, signal);
    if (found === undefined) return undefined;
    const {packages, vendor, distribution} = found;
    return spdxDocument(packages, {
      name: familiarName(own),
      digest: image.configDigest,
      created: image.config.created ?? '1970-01-01T00:00:00Z',
      version: version(),
      vendor,
      distribution,
    });
  } catch (error) {
    signal.throwIfAborted();
    // The image is delivered all the same.
    events.emit({type: 'warning', message: `no SBOM is attached: ${messageOf(error)}`});
    return undefined;
  }
}
