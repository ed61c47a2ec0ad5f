import {formatBytes} from '../base/format-bytes.js';
import type {ImageContent} from '../compare/image.js';
import {count, formatDuration} from '../progress/format.js';
import type {BuildRecord, RecordedArtifact, RecordedValue} from '../store/build-record.js';
import {contentsSection, layersTable, packagesSection} from './contents.js';
import {criticalPath} from './critical-path.js';
import {type Content, markup, type Markup} from './html.js';
import type {Page} from './page.js';
import {timeline} from './timeline.js';

/** The page of a build. `content` undefined: its image is not there any more. */
export function buildPage(build: BuildRecord, content: ImageContent | undefined, made: string): Page {
  const {steps, dockerfile, artifacts, args, env, layers} = build;
  const values = [...args, ...env];
  return {
    title: `${build.contextName}: ${outcomeText(build.outcome)} in ${formatDuration(build.seconds)}`,
    head: head(build, content),
    made,
    sections: [
      {id: 'steps', title: 'Steps', body: steps.length > 0 && timeline(steps, dockerfile)},
      {
        id: 'image',
        title: 'What is in the image',
        body: content === undefined ? lost(build) : contentsSection(content),
      },
      {id: 'packages', title: 'Packages', body: content && packagesSection(content)},
      {id: 'artifacts', title: 'Artifacts', body: artifacts.length > 0 && artifactTable(artifacts)},
      {id: 'values', title: 'Values', body: values.length > 0 && valueTable(values)},
      {id: 'layers', title: 'Layers by step', body: layers.length > 0 && content === undefined && layerTable(build)},
    ],
  };
}

const outcomeText = (outcome: BuildRecord['outcome']): string => (outcome === 'done' ? 'built' : outcome);

function head(build: BuildRecord, content: ImageContent | undefined): Markup {
  const {steps, seconds, outcome, error, image, tags} = build;
  const cached = steps.filter((step) => step.cached).length;
  const ran = steps.filter((step) => !step.cached);
  const path = criticalPath(ran);
  const onPath = ran.filter(({id}) => path.includes(id)).reduce((sum, step) => sum + step.seconds, 0);
  const size = content?.bytes ?? build.layers.reduce((sum, {bytes}) => sum + bytes, 0);
  return markup`<h1>
      ${build.contextName === '.' ? build.dockerfile : build.contextName}
      <span class="badge ${outcome === 'done' ? 'good' : 'bad'}">${outcomeText(outcome)}</span>
    </h1>
    <p class="lead">Target ${build.target} of ${build.dockerfile}, ${build.time.slice(0, 16).replace('T', ' ')} UTC</p>
    ${error !== null && markup`<pre>${error.message}</pre>`}
    <dl class="facts">
      ${fact('Took', formatDuration(seconds), onPath > 0 && `${formatDuration(onPath)} on the critical path`)}
      ${fact('Steps', String(steps.length), `${ran.length} ran, ${cached} from the cache`)}
      ${size > 0 && fact('Image', formatBytes(size), content && `${count(content.layers.length, 'layer')}, ${content.files.size} paths`)}
      ${content !== undefined && content.packages.size > 0 && fact('Packages', String(content.packages.size), undefined)}
    </dl>
    <dl class="meta">
      ${
        image?.configDigest !== null &&
        image !== null &&
        markup`<dt>Image</dt>
          <dd><code>${image.configDigest}</code></dd>`
      }
      ${
        tags.length > 0 &&
        markup`<dt>${tags.length === 1 ? 'Tag' : 'Tags'}</dt>
          <dd>${tags.join(', ')}</dd>`
      }
      <dt>Built by</dt>
      <dd>${build.driver}, ${build.platform}</dd>
      <dt>Build</dt>
      <dd><code>${build.id}</code></dd>
    </dl>`;
}

export function fact(title: string, value: string, more: Content): Markup {
  return markup`<div>
    <dt>${title}</dt>
    <dd>${value}${more !== undefined && more !== false && more !== '' && markup`<small>${more}</small>`}</dd>
  </div>`;
}

function lost({image}: BuildRecord): Markup | false {
  if (image === null) return false;
  return markup`<p class="note">
    The image is not here any more, or was never given a name, so that its files cannot be shown.
  </p>`;
}

export function artifactTable(artifacts: readonly RecordedArtifact[]): Markup {
  return markup`<div class="scroll" tabindex="0">
    <table>
      <caption>
        Files that were taken out
      </caption>
      <thead>
        <tr>
          <th scope="col">File</th>
          <th scope="col">Package</th>
          <th scope="col">Version</th>
          <th scope="col">Architecture</th>
          <th scope="col" class="num">Size</th>
          <th scope="col">sha256</th>
        </tr>
      </thead>
      <tbody>
        ${artifacts.map(
          ({path, package: deb, version, architecture, bytes, sha256}) =>
            markup`<tr>
              <th scope="row" class="mono">${path}</th>
              <td>${deb ?? ''}</td>
              <td>${version ?? ''}</td>
              <td>${architecture ?? ''}</td>
              <td class="num">${formatBytes(bytes)}</td>
              <td><code>${sha256.slice(0, 16)}…</code></td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

function valueTable(values: readonly RecordedValue[]): Markup {
  return markup`<div class="scroll" tabindex="0">
    <table>
      <caption>
        Values that were given over those of the Dockerfile
      </caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Value</th>
          <th scope="col">From</th>
          <th scope="col">Stage</th>
        </tr>
      </thead>
      <tbody>
        ${values.map(
          ({name, value, origin, stage}) =>
            markup`<tr>
              <th scope="row" class="mono">${name}</th>
              <td class="mono">${value}</td>
              <td>${origin}</td>
              <td>${stage ?? ''}</td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

function layerTable({layers, steps}: BuildRecord): Markup {
  const names = new Map(steps.map(({id, text}) => [id, text]));
  return layersTable(
    layers.map(({step, bytes}) => ({title: step === null ? 'base image' : (names.get(step) ?? step), bytes})),
  );
}
