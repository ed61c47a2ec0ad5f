import {formatBytes} from '../base/format-bytes.js';
import type {Delivery} from '../delivery/plan-delivery.js';
import type {SummarizedDelivery} from '../job/summary.js';
import type {OpenedDelivery} from './open-delivery.js';
import type {Delivered} from './run-delivery.js';

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

/** What was done, a line each. */
export function renderDelivered({pushed, uploaded}: Delivered): string {
  const images = pushed.flatMap(({digest, references, sent}) => {
    const how = sent === 0 ? 'nothing to send' : `${formatBytes(sent)} sent`;
    return digest === undefined ? [] : references.map((reference) => `pushed    ${reference}  ${digest}  (${how})`);
  });
  const packages = uploaded.flatMap(({delivery: {file, url}, outcome}) =>
    outcome === undefined ? [] : [`uploaded  ${file.path}  ${url}${outcome === 'exists' ? '  (was there)' : ''}`],
  );
  return [...images, ...packages].map((line) => `${line}\n`).join('');
}

/** The same for the summary of a run, what failed included. */
export function summarizedDeliveries({pushed, uploaded}: Delivered): readonly SummarizedDelivery[] {
  const images = pushed.flatMap(({digest, references, sent}) => {
    const outcome = digest === undefined ? 'failed' : sent === 0 ? 'was there' : `${formatBytes(sent)} sent`;
    return references.map((reference) => ({what: digest ?? 'image', where: reference, outcome}));
  });
  const packages = uploaded.map(({delivery: {file, url}, outcome}) => ({
    what: file.path,
    where: url,
    outcome: outcome === undefined ? 'failed' : outcome === 'exists' ? 'was there' : 'sent',
  }));
  return [...images, ...packages];
}

/** The same for JSON; `digest` and `outcome` are null where it failed. */
export function deliveredFacts(
  {delivery: {tags}}: Pick<OpenedDelivery, 'delivery'>,
  {pushed, uploaded}: Delivered,
): object {
  return {
    tags,
    registries: pushed.map(({name, references, digest, sent}) => ({name, references, digest: digest ?? null, sent})),
    packages: uploaded.map(({delivery: {file, url}, outcome}) => ({
      file: file.path,
      target: url,
      outcome: outcome ?? null,
    })),
  };
}
