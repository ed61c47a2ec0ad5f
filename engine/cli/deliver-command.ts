import {resolve} from 'node:path';
import {BuildError} from '../base/errors.js';
import {createRedactor} from '../base/redact.js';
import {parseReference, type Reference} from '../oci/reference.js';
import type {Delivery} from '../delivery/plan-delivery.js';
import type {DeliverFlags} from './deliver-options.js';
import {reportFailure} from './failure.js';
import {openDelivery, packagesToDeliver} from './open-delivery.js';
import {composeOf} from './open-job.js';
import {composeTags} from './settings.js';
import type {Terminal} from './terminal.js';

/** `build-image deliver`: the image to registries, packages to their repositories, where credentials are configured. */
export async function deliverCommand(
  path: string | undefined,
  flags: DeliverFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const redactor = createRedactor();
  try {
    const own = await imageOf(path, flags, terminal, signal);
    const packages = await packagesToDeliver(flags.package, flags.artifactsDir ?? 'artifacts', terminal, signal);
    const directory = resolve(terminal.directory, path ?? '.');
    const opened = await openDelivery({directory, own, packages}, flags, terminal, redactor, signal);
    const {delivery} = opened;
    for (const note of delivery.notes) terminal.error(redactor.redact(`${note}\n`));
    if (delivery.nothing === undefined && flags.dryRun !== true) {
      throw new BuildError('UNSUPPORTED', 'deliver shows what it would do so far', {remedy: 'Add --dry-run.'});
    }
    if (delivery.nothing !== undefined) terminal.error(redactor.redact(`${delivery.nothing}\n`));
    terminal.answer(flags.json === true ? deliveryJson(delivery) : renderDelivery(delivery));
    return 0;
  } catch (error) {
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

/** What would be done, a line each. */
export function renderDelivery({tags, registries, packages}: Delivery): string {
  const lines = [
    ...tags.map((tag) => `tag       ${tag}`),
    ...registries.flatMap(({target, references}) =>
      references.map((reference) => `push      ${reference}  (${target.name})`),
    ),
    ...packages.map(
      ({file, url, target}) => `package   ${file.path}  ${url}  (${target.name}, ${target.distribution})`,
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** The same as one JSON document. */
export function deliveryJson({tags, registries, packages}: Delivery): string {
  const document = {
    tags,
    registries: registries.map(({target, references}) => ({name: target.name, references})),
    packages: packages.map(({file, url}) => ({file: file.path, target: url})),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
