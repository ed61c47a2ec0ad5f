import {formatBytes} from '../base/format-bytes.js';
import {growth, type ImageDiff} from '../compare/compare.js';
import type {DebDiff} from '../compare/debs.js';
import {countsOf, signedBytes} from '../compare/render.js';
import {type ExperimentResult, isGood, type VariantResult} from '../experiment/result.js';
import {count, formatDuration} from '../progress/format.js';
import {fact} from './build-page.js';
import {configTable, debTable, packageTable} from './diff-page.js';
import {type Content, markup, type Markup} from './html.js';
import type {Page} from './page.js';
import {plot, type Point} from './plot.js';

/** What a variant has against the baseline. */
export interface AgainstBaseline {
  readonly image: ImageDiff | undefined;
  readonly artifacts: readonly DebDiff[];
  /** Why there is no comparison of the images. */
  readonly note: string | undefined;
}

/** Files listed for each variant: the ones that make the most difference. */
const mostFiles = 12;

/** The page of an experiment; `diffs` by the variants' slugs. */
export function experimentPage(
  result: ExperimentResult,
  diffs: ReadonlyMap<string, AgainstBaseline>,
  made: string,
): Page {
  const {variants} = result;
  const points = pointsOf(result);
  const failed = variants.filter((one) => one.error !== null);
  const compared = variants.filter(({slug}) => diffs.has(slug));
  const anchors = new Set([...failed, ...compared].map(({slug}) => slug));
  return {
    title: `Experiment ${result.name}`,
    head: head(result),
    made,
    sections: [
      {id: 'variants', title: 'Variants', body: variantTable(result, anchors)},
      {id: 'plot', title: 'Size and time', body: points.length > 1 && plot(points)},
      {id: 'differences', title: 'Against the baseline', body: compared.length > 0 && differences(compared, diffs)},
      {id: 'failures', title: 'Failures', body: failed.length > 0 && failed.map(failure)},
      {
        id: 'expectations',
        title: 'Expectations',
        body: variants.some(({expectations}) => expectations.length > 0) && expectations(result),
      },
    ],
  };
}

function head({name, started, seconds, variants, driver, baseline, skipped}: ExperimentResult): Markup {
  const good = variants.every(isGood) && skipped.length === 0;
  const built = variants.filter(({status}) => status === 'built');
  const sizes = built.flatMap(({image}) => (image === null ? [] : [image.size]));
  const ran = variants.reduce((sum, {steps}) => sum + steps.ran, 0);
  const cached = variants.reduce((sum, {steps}) => sum + steps.cached, 0);
  const bad = variants.filter((one) => !isGood(one)).length;
  return markup`<h1>
      Experiment ${name}
      <span class="badge ${good ? 'good' : 'bad'}">${good ? 'as expected' : `${bad} not as expected`}</span>
    </h1>
    <p class="lead">
      ${count(variants.length, 'variant')} built with the ${driver} driver, ${started.slice(0, 16).replace('T', ' ')}
      UTC. Baseline: ${baseline}
    </p>
    <dl class="facts">
      ${fact('Took', formatDuration(seconds), undefined)}
      ${fact('Built', `${built.length} of ${variants.length + skipped.length}`, skipped.length > 0 && `${skipped.length} not started`)}
      ${fact('Steps', `${ran} ran`, `${cached} were there or shared`)}
      ${sizes.length > 0 && fact('Image', formatBytes(Math.min(...sizes)), `to ${formatBytes(Math.max(...sizes))}`)}
    </dl>`;
}

function variantTable({axes, variants, baseline, skipped}: ExperimentResult, anchors: ReadonlySet<string>): Markup {
  const base = variants.find(({name}) => name === baseline);
  // Names that say no more than the columns do are left out.
  // The baseline, and what could not be compared, has nothing below to lead to.
  const linked = ({slug}: VariantResult, text: string): Content =>
    anchors.has(slug) ? markup`<a href="#v-${slug}">${text}</a>` : text;
  const derived = axes.length > 0 && variants.every(({name, labels}) => name === derivedName(labels));
  const numeric = (title: string): Markup => markup`<th scope="col" class="num">${title}</th>`;
  return markup`<p class="note">
      Took: beside the others, with what was cached. Alone: from nothing, along the longest chain of steps.
    </p>
    <div class="scroll" tabindex="0">
      <table class="sortable">
        <caption>
          Variants; the heads sort
        </caption>
        <thead>
          <tr>
            ${!derived && markup`<th scope="col">Variant</th>`} ${axes.map((axis) => markup`<th scope="col">${axis}</th>`)}
            <th scope="col">Status</th>
            ${numeric('Took')}${numeric('Alone')}${numeric('Ran')}${numeric('Cached')}${numeric('Size')}${numeric('Against baseline')}
          </tr>
        </thead>
        <tbody>
          ${variants.map((one) => variantRow(one, axes, base, derived, linked))}${skipped.map(
            (name) =>
              markup`<tr>
                <th scope="row">${name}</th>
                <td colspan="${axes.length + (derived ? 6 : 7)}" class="soft">not started</td>
              </tr> `,
          )}
        </tbody>
      </table>
    </div>`;
}

function variantRow(
  one: VariantResult,
  axes: readonly string[],
  base: VariantResult | undefined,
  derived: boolean,
  linked: (one: VariantResult, text: string) => Content,
): Markup {
  const more =
    one.image === null || base?.image === null || base === undefined ? undefined : one.image.size - base.image.size;
  const against = one === base ? 'baseline' : more === undefined ? '' : signedBytes(more);
  const status = isGood(one)
    ? markup`<span class="good-text">${one.status}</span>`
    : markup`<span class="bad-text">${one.status === 'built' ? 'not as expected' : one.status}</span>`;
  const number = (value: number | null, text: string): Markup =>
    markup`<td class="num" data-value="${value ?? ''}">${text}</td>`;
  return markup`<tr>
    ${!derived && markup`<th scope="row">${linked(one, one.name)}</th>`}
    ${axes.map((axis, index) => {
      const label = one.labels[axis] ?? '';
      return derived && index === 0 ? markup`<th scope="row">${linked(one, label)}</th>` : markup`<td>${label}</td>`;
    })}
    <td>${status}</td>
    ${number(one.seconds, formatDuration(one.seconds))}${number(one.aloneSeconds, one.aloneSeconds === null ? '' : formatDuration(one.aloneSeconds))}${number(one.steps.ran, String(one.steps.ran))}${number(one.steps.cached, String(one.steps.cached))}${number(one.image?.size ?? null, one.image === null ? '' : formatBytes(one.image.size))}${number(more ?? null, against)}
  </tr> `;
}

const derivedName = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([title, label]) => `${title}=${label}`)
    .join(' ');

/** Times alone where they are known of all, so that what was cached makes nothing look fast. */
function pointsOf({variants, baseline}: ExperimentResult): readonly Point[] {
  const built = variants.filter((one) => one.image !== null);
  const known = built.every(({aloneSeconds}) => aloneSeconds !== null);
  return built.map((one): Point => ({
    name: one.name,
    label: Object.values(one.labels).join(' ') || one.name,
    size: one.image?.size ?? 0,
    seconds: known ? (one.aloneSeconds ?? 0) : one.seconds,
    kind: one.name === baseline ? 'base' : isGood(one) ? 'plain' : 'bad',
  }));
}

function differences(compared: readonly VariantResult[], diffs: ReadonlyMap<string, AgainstBaseline>): Content {
  return compared.map((one) => {
    const found = diffs.get(one.slug);
    if (found === undefined) return undefined;
    const {image, artifacts, note} = found;
    return markup`<details id="v-${one.slug}" ${compared.length <= 3 && markup` open`}>
      <summary>${one.name}: ${summary(image, note)}</summary>
      <div class="body">
        ${note !== undefined && markup`<p class="note">${note}</p>`}
        ${image !== undefined && image.config.length > 0 && configTable(image.config)}
        ${image !== undefined && image.packages.length > 0 && packageTable(image.packages)}
        ${image !== undefined && image.files.length > 0 && fileList(image)} ${artifacts.map(debTable)}
      </div>
    </details> `;
  });
}

function summary(image: ImageDiff | undefined, note: string | undefined): string {
  if (image === undefined) return note ?? 'no image';
  const {files, config, packages} = image;
  if (files.length + config.length === 0) return 'no difference';
  const parts = [
    `files ${countsOf(files)}`,
    config.length > 0 && count(config.length, 'config field'),
    packages.length > 0 && count(packages.length, 'package'),
    signedBytes(image.b.size - image.a.size),
  ];
  return parts.filter((part) => part !== false).join(', ');
}

function fileList({files}: ImageDiff): Markup {
  const largest = files.toSorted((a, b) => Math.abs(growth(b)) - Math.abs(growth(a))).slice(0, mostFiles);
  const rest = files.length - largest.length;
  return markup`<div class="scroll" tabindex="0">
    <table>
      <caption>
        Files that make the most difference${rest > 0 && `, ${largest.length} of ${files.length}`}
      </caption>
      <thead>
        <tr>
          <th scope="col">Path</th>
          <th scope="col">Change</th>
          <th scope="col">Package</th>
          <th scope="col" class="num">Size</th>
        </tr>
      </thead>
      <tbody>
        ${largest.map(
          (file) =>
            markup`<tr>
              <th scope="row" class="mono">${file.path}</th>
              <td>${file.change}${file.what.length > 0 && ` (${file.what.join(', ')})`}</td>
              <td>${file.package ?? ''}</td>
              <td class="num">${signedBytes(growth(file))}</td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

const failure = ({name, status, error, slug}: VariantResult): Markup =>
  markup`<h3 id="v-${slug}">${name}: ${status}</h3>
    <pre>${error}</pre>`;

function expectations({variants}: ExperimentResult): Content {
  const rows = variants.flatMap(({name, expectations: all}) => all.map((one) => ({variant: name, ...one})));
  const broken = rows.filter(({holds}) => !holds);
  const held = rows.filter(({holds}) => holds);
  return [
    broken.length > 0 && expectationTable(broken, 'What does not hold'),
    held.length > 0 &&
      markup`<details id="held">
        <summary>${held.length} of ${rows.length} hold</summary>
        <div class="body">${expectationTable(held, 'What holds')}</div>
      </details>`,
  ];
}

function expectationTable(
  rows: readonly {readonly variant: string; readonly name: string; readonly actual: string; readonly holds: boolean}[],
  caption: string,
): Markup {
  return markup`<div class="scroll" tabindex="0">
    <table class="sortable">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">Variant</th>
          <th scope="col">Expected</th>
          <th scope="col">Found</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({variant, name, actual, holds}) =>
            markup`<tr>
              <th scope="row">${variant}</th>
              <td>${name}</td>
              <td><span class="${holds ? 'good-text' : 'bad-text'}">${actual}</span></td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}
