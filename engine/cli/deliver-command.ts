import {resolve} from 'node:path';
import {createRedactor} from '../base/redact.js';
import {parseReference, type Reference} from '../oci/reference.js';
import type {Progress} from '../progress/progress.js';
import {factsOfCheckout} from './delivery-documents.js';
import {type DeliverFlags, switched} from './deliver-options.js';
import {deliveredFacts, deliveryJson, renderDelivered, renderDelivery} from './delivery-answer.js';
import {reportFailure} from './failure.js';
import {openDelivery, packagesToDeliver} from './open-delivery.js';
import {composeOf} from './open-job.js';
import {progressOf} from './progress-of.js';
import {runDelivery} from './run-delivery.js';
import {composeTags} from './settings.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

/** `build-image deliver`: the image to registries, packages to their repositories, where credentials are configured. */
export async function deliverCommand(
  path: string | undefined,
  flags: DeliverFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const redactor = createRedactor();
  let progress: Progress | undefined;
  try {
    const own = await imageOf(path, flags, terminal, signal);
    const packages = await packagesToDeliver(flags.package, flags.artifactsDir ?? 'artifacts', terminal, signal);
    const directory = resolve(terminal.directory, path ?? '.');
    const opened = await openDelivery({directory, own, packages}, flags, terminal, redactor, signal);
    const {delivery, policy} = opened;
    for (const note of delivery.notes) terminal.error(redactor.redact(`${note}\n`));
    if (delivery.nothing !== undefined) terminal.error(redactor.redact(`${delivery.nothing}\n`));
    if (delivery.nothing !== undefined || flags.dryRun === true) {
      terminal.answer(flags.json === true ? deliveryJson(delivery) : renderDelivery(delivery));
      return 0;
    }
    const options = {
      driver: flags.driver,
      root: storeRoot(flags.root, terminal),
      insecure: flags.insecureRegistry ?? [],
      provenance: switched(flags.provenance, policy.provenance, '--provenance'),
      sbom: switched(flags.sbom, policy.sbom, '--sbom'),
      facts: await factsOfCheckout(path, flags, terminal, signal),
      redactor,
    };
    progress = await progressOf(flags.progress ?? 'auto', terminal, redactor);
    const delivered = await runDelivery(opened, own, options, terminal, progress, signal);
    progress.close();
    terminal.answer(
      flags.json === true
        ? `${JSON.stringify(deliveredFacts(opened, delivered), null, 2)}\n`
        : renderDelivered(delivered),
    );
    for (const failure of delivered.failures) reportFailure(failure, terminal, signal, redactor);
    return delivered.failures.length === 0 ? 0 : 1;
  } catch (error) {
    progress?.close(error);
    return reportFailure(error, terminal, signal, redactor);
  }
}

/** The image that is named, or that of the Compose service. */
async function imageOf(
  path: string | undefined,
  flags: DeliverFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Reference | undefined> {
  if (flags.image !== undefined) return parseReference(flags.image);
  const [first] = composeTags(await composeOf(path, flags, terminal, signal));
  return first === undefined ? undefined : parseReference(first);
}
