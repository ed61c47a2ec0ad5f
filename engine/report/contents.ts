import {formatBytes} from '../base/format-bytes.js';
import type {ImageContent} from '../compare/image.js';
import {count} from '../progress/format.js';
import {display} from '../snapshot/tar-entry.js';
import {markup, type Markup} from './html.js';
import {type Cell, treemap} from './treemap.js';

interface Part {
  /** A package, or a directory. */
  readonly name: string;
  readonly weight: number;
  readonly files: number;
}

interface LayerParts {
  readonly index: number;
  readonly title: string;
  readonly weight: number;
  readonly parts: readonly Part[];
}

const mostParts = 24;

/** What each layer added that is still there, by package, else by directory. Exported for the tests. */
export function layerParts({files, layers, ownerOf}: ImageContent): readonly LayerParts[] {
  const sums = layers.map(() => new Map<string, {weight: number; files: number}>());
  for (const {path, size, type, layer} of files.values()) {
    if (type !== 'file' || size === 0) continue;
    const name = ownerOf(path)?.replace(/:[^:]*$/, '') ?? directoryOf(display(path));
    const sum = sums[layer]?.get(name) ?? {weight: 0, files: 0};
    sum.weight += size;
    sum.files++;
    sums[layer]?.set(name, sum);
  }
  return layers.map(({createdBy}, index) => {
    const all = [...(sums[index] ?? [])]
      .map(([name, sum]): Part => ({name, ...sum}))
      .sort((a, b) => b.weight - a.weight);
    const rest = all.slice(mostParts);
    const other = {
      name: `${rest.length} more`,
      weight: rest.reduce((sum, {weight}) => sum + weight, 0),
      files: rest.reduce((sum, each) => sum + each.files, 0),
    };
    return {
      index,
      title: shortCommand(createdBy ?? ''),
      weight: all.reduce((sum, {weight}) => sum + weight, 0),
      parts: rest.length === 0 ? all : [...all.slice(0, mostParts), other],
    };
  });
}

/** `/usr/share` of `usr/share/doc/x`. */
function directoryOf(path: string): string {
  const parts = path.split('/');
  return `/${parts.slice(0, Math.min(2, parts.length - 1)).join('/')}`;
}

/** `created_by` without what builders put around it. */
export const shortCommand = (text: string): string =>
  text
    .replace(/^\/bin\/sh -c #\(nop\) +/, '')
    .replace(/^(?:RUN )?(?:\|\d+ .*? )?\/bin\/sh -c /s, 'RUN ')
    .replace(/ # buildkit$/, '')
    .replace(/\s+/g, ' ');

/** A map of what takes room, and the same as a table. */
export function contentsSection(content: ImageContent): Markup {
  const layers = layerParts(content);
  const shown = layers.filter(({weight}) => weight > 0);
  const cells = treemap(shown, {x: 0, y: 0, width: 100, height: 100});
  const total = shown.reduce((sum, {weight}) => sum + weight, 0);
  return markup`<p class="note">
      ${formatBytes(total)} in ${content.files.size} paths. Each colour is a layer, each field a package or, where no
      package owns the files, a directory; the area is the size.
    </p>
    <figure>
      <svg
        class="map"
        role="img"
        aria-label="What takes room in the image, by layer and package; the table below says the same"
      >
        ${cells.map(layerCells)}
      </svg>
      <figcaption>The layers that make up the image</figcaption>
    </figure>
    ${layersTable(
      layers.map(({title, weight}) => ({title, bytes: weight})),
      layers.map(({parts}) => mostOf(parts)),
    )}`;
}

const mostOf = (parts: readonly Part[]): string =>
  parts
    .slice(0, 4)
    .map(({name, weight: size}) => `${name} ${formatBytes(size)}`)
    .join(', ');

/** `most`: of each layer, what makes up most of it; undefined where that is not known. */
export function layersTable(
  layers: readonly {readonly title: string; readonly bytes: number}[],
  most?: readonly string[],
): Markup {
  return markup`<div class="scroll" tabindex="0">
    <table>
      <caption>
        Layers, the lowest first
      </caption>
      <thead>
        <tr>
          <th scope="col" class="num">Layer</th>
          <th scope="col">Made by</th>
          <th scope="col" class="num">Size</th>
          ${most && markup`<th scope="col">Most of it</th>`}
        </tr>
      </thead>
      <tbody>
        ${layers.map(
          ({title, bytes}, index) =>
            markup`<tr>
              <td class="num">${index + 1}</td>
              <th scope="row" class="mono">${title}</th>
              <td class="num">${formatBytes(bytes)}</td>
              ${most && markup`<td>${most[index] ?? ''}</td>`}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

function layerCells({item, x, y, width, height}: Cell<LayerParts>): Markup {
  const inner = treemap(item.parts, {x, y, width, height});
  return markup`<g class="t${item.index % 8}"
    ><title>Layer ${item.index + 1}: ${item.title} (${formatBytes(item.weight)})</title
    >${inner.map((cell) => partCell(cell, item))}</g
  > `;
}

const per = (value: number): string => `${value.toFixed(2)}%`;

function partCell({item, x, y, width, height}: Cell<Part>, {index, title}: LayerParts): Markup {
  // A text that does not fit is cut off by the field; one in a sliver is left out.
  const room = width > 5 && height > 5;
  const second = height > 10;
  return markup`<svg x="${per(x)}" y="${per(y)}" width="${per(width)}" height="${per(height)}">
    <title>${item.name}: ${formatBytes(item.weight)}, ${count(item.files, 'file')} in layer ${index + 1}: ${title}</title>
    <rect class="cell" width="100%" height="100%" />
    ${room && markup`<text x="7" y="17">${item.name}</text>`}${
      room && second && markup`<text class="sub" x="7" y="33">${formatBytes(item.weight)}</text>`
    }
  </svg>`;
}

/** Every installed package, the largest first. */
export function packagesSection({packages, files, ownerOf}: ImageContent): Markup | undefined {
  if (packages.size === 0) return undefined;
  const sizes = new Map<string, number>();
  for (const {path, size, type} of files.values()) {
    const owner = type === 'file' ? ownerOf(path) : undefined;
    if (owner !== undefined) sizes.set(owner, (sizes.get(owner) ?? 0) + size);
  }
  const sorted = [...packages].sort(([a], [b]) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0));
  return markup`<p class="note">${packages.size} packages are installed.</p>
    <details id="all-packages">
      <summary>All packages, the largest first</summary>
      <div class="body scroll" tabindex="0">
        <table class="sortable">
          <caption>
            Installed packages
          </caption>
          <thead>
            <tr>
              <th scope="col">Package</th>
              <th scope="col">Version</th>
              <th scope="col">Architecture</th>
              <th scope="col">Section</th>
              <th scope="col" class="num">Files</th>
            </tr>
          </thead>
          <tbody>
            ${sorted.map(
              ([key, {name, version, architecture, section}]) =>
                markup`<tr>
                  <th scope="row">${name}</th>
                  <td>${version}</td>
                  <td>${architecture}</td>
                  <td>${section ?? ''}</td>
                  <td class="num" data-value="${sizes.get(key) ?? 0}">${formatBytes(sizes.get(key) ?? 0)}</td>
                </tr> `,
            )}
          </tbody>
        </table>
      </div>
    </details>`;
}
