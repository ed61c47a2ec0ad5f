import {formatBytes} from '../base/format-bytes.js';
import type {FileChange, ImageDiff, PackageChange} from '../compare/compare.js';
import type {ConfigChange} from '../compare/config-changes.js';
import type {DebDiff} from '../compare/debs.js';
import {byLayer, byPackage} from '../compare/groups.js';
import {type Comparison, countsOf, layerOf, signedBytes, whatChanged} from '../compare/render.js';
import {formatDuration} from '../progress/format.js';
import {fact} from './build-page.js';
import {shortCommand} from './contents.js';
import {type Content, markup, type Markup} from './html.js';
import type {Page} from './page.js';

/** Rows of files on a page: with more it would not open at once. `--json` has all. */
const mostFiles = 4000;

/** The page of `diff --html`. */
export function diffPage({image, artifacts, steps}: Comparison, names: readonly [string, string], made: string): Page {
  return {
    title: `${names[0]} and ${names[1]}`,
    head: head(image, names),
    made,
    sections: [
      {
        id: 'config',
        title: 'Config',
        body: image !== undefined && image.config.length > 0 && configTable(image.config),
      },
      {
        id: 'packages',
        title: 'Packages',
        body: image !== undefined && image.packages.length > 0 && packageTable(image.packages),
      },
      {id: 'layers', title: 'Layers', body: image !== undefined && image.files.length > 0 && layerTable(image)},
      {id: 'files', title: 'Files', body: image !== undefined && image.files.length > 0 && fileGroups(image)},
      {id: 'artifacts', title: 'Artifacts', body: artifacts.length > 0 && artifacts.map(debTable)},
      {id: 'steps', title: 'Step times', body: steps.length > 0 && stepTable(steps)},
    ],
  };
}

function head(image: ImageDiff | undefined, [a, b]: readonly [string, string]): Markup {
  const side = (name: string, {configDigest, place, size, files}: ImageDiff['a']): Markup =>
    markup`<dt>${name}</dt>
      <dd><code>${configDigest ?? ''}</code> ${formatBytes(size)}, ${files} paths, from ${place}</dd>`;
  return markup`<h1>What differs from <code>${a}</code> to <code>${b}</code></h1>
    ${
      image !== undefined &&
      markup`<dl class="facts">
          ${fact('Size', signedBytes(image.b.size - image.a.size), `${formatBytes(image.a.size)} to ${formatBytes(image.b.size)}`)}
          ${fact('Files', String(image.files.length), countsOf(image.files))}
          ${fact('Packages', String(image.packages.length), packageCounts(image.packages))}
          ${fact('Shared layers', String(image.sharedLayers), `of ${image.a.layers.length} and ${image.b.layers.length}`)}
        </dl>
        <dl class="meta">${side('First', image.a)}${side('Second', image.b)}</dl>`
    }`;
}

const packageCounts = (changes: readonly PackageChange[]): string =>
  (['added', 'removed', 'upgraded', 'downgraded'] as const)
    .map((kind) => [changes.filter(({change}) => change === kind).length, kind] as const)
    .filter(([number]) => number > 0)
    .map(([number, kind]) => `${number} ${kind}`)
    .join(', ');

const absent = markup`<span class="soft">none</span>`;
const value = (text: string | undefined): Content =>
  text === undefined ? absent : markup`<span class="mono">${text}</span>`;

export const configTable = (changes: readonly ConfigChange[]): Markup => fieldTable('Config of the images', changes);

interface ChangedField {
  readonly name: string;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

function fieldTable(caption: string, fields: readonly ChangedField[]): Markup {
  return markup`<div class="scroll" tabindex="0">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">First</th>
          <th scope="col">Second</th>
        </tr>
      </thead>
      <tbody>
        ${fields.map(
          ({name, before, after}) =>
            markup`<tr>
              <th scope="row">${name}</th>
              <td>${value(before)}</td>
              <td>${value(after)}</td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

export function packageTable(changes: readonly PackageChange[]): Markup {
  return markup`<div class="scroll" tabindex="0">
    <table class="sortable">
      <caption>
        Packages that differ, versions in Debian's order
      </caption>
      <thead>
        <tr>
          <th scope="col">Package</th>
          <th scope="col">Change</th>
          <th scope="col">First</th>
          <th scope="col">Second</th>
          <th scope="col">Architecture</th>
          <th scope="col" class="num">Files</th>
          <th scope="col" class="num">Size</th>
        </tr>
      </thead>
      <tbody>
        ${changes.map(
          ({name, change, before, after, architecture, files, bytes}) =>
            markup`<tr>
              <th scope="row">${name}</th>
              <td>${change}</td>
              <td>${before ?? absent}</td>
              <td>${after ?? absent}</td>
              <td>${architecture}</td>
              <td class="num">${files}</td>
              <td class="num" data-value="${bytes}">${signedBytes(bytes)}</td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

function layerTable(diff: ImageDiff): Markup {
  return markup`<div class="scroll" tabindex="0">
    <table>
      <caption>
        Which layers brought the changes
      </caption>
      <thead>
        <tr>
          <th scope="col">Layer</th>
          <th scope="col">Made by</th>
          <th scope="col">Files</th>
          <th scope="col" class="num">Size</th>
        </tr>
      </thead>
      <tbody>
        ${byLayer(diff).map((group) => {
          const {side, index, createdBy} = layerOf(diff, group);
          return markup`<tr>
            <th scope="row">${side === 'A' ? 'First' : 'Second'}, ${index + 1}</th>
            <td class="mono">${shortCommand(createdBy)}</td>
            <td>${countsOf(group.files)}</td>
            <td class="num">${signedBytes(group.bytes)}</td>
          </tr> `;
        })}
      </tbody>
    </table>
  </div>`;
}

function fileGroups(diff: ImageDiff): Markup {
  let left = mostFiles;
  const groups = byPackage(diff).map((group, index) => {
    const shown = group.files.slice(0, Math.max(0, left));
    left -= shown.length;
    const rest = group.files.length - shown.length;
    return markup`<details id="files-${index}">
      <summary>${group.key ?? 'no package'}: ${countsOf(group.files)}, ${signedBytes(group.bytes)}</summary>
      <div class="body scroll" tabindex="0">
        <table>
          <caption>
            Files of ${group.key ?? 'no package'}
          </caption>
          <thead>
            <tr>
              <th scope="col">Path</th>
              <th scope="col">Change</th>
              <th scope="col" class="num">Size</th>
            </tr>
          </thead>
          <tbody>
            ${shown.map(fileRow)}
          </tbody>
        </table>
        ${rest > 0 && markup`<p class="note">and ${rest} more</p>`}
      </div>
    </details> `;
  });
  return markup`<p class="note">By the package that the files belong to; times of files do not count.</p>
    ${groups}`;
}

function fileRow(file: FileChange): Markup {
  const {path, change, before, after} = file;
  const what = change === 'changed' ? whatChanged(file).join(', ') : change;
  return markup`<tr>
    <th scope="row" class="mono">${path}</th>
    <td>${what}</td>
    <td class="num">${formatBytes((after ?? before)?.size ?? 0)}</td>
  </tr> `;
}

export function debTable({package: name, before, after, change, fields, filesAdded, filesRemoved}: DebDiff): Markup {
  const files = (title: string, paths: readonly string[]): Content =>
    paths.length > 0 &&
    markup`<p class="note">
      ${title}: <span class="mono">${paths.slice(0, 40).join(', ')}</span>${paths.length > 40 && ' …'}
    </p>`;
  return markup`<h3>${name} <span class="soft">${before ?? 'none'} to ${after ?? 'none'}, ${change}</span></h3>
    ${fields.length > 0 && fieldTable('Control fields', fields)}${files('Files only in the second', filesAdded)}${files('Files only in the first', filesRemoved)}`;
}

function stepTable(steps: Comparison['steps']): Markup {
  const time = (seconds: number | undefined): Content => (seconds === undefined ? absent : formatDuration(seconds));
  return markup`<div class="scroll" tabindex="0">
    <table class="sortable">
      <caption>
        What each step took where it ran
      </caption>
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col" class="num">First</th>
          <th scope="col" class="num">Second</th>
        </tr>
      </thead>
      <tbody>
        ${steps.map(
          ({name, before, after}) =>
            markup`<tr>
              <th scope="row" class="mono">${name}</th>
              <td class="num" data-value="${before ?? ''}">${time(before)}</td>
              <td class="num" data-value="${after ?? ''}">${time(after)}</td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}
