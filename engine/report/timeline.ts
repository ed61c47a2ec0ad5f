import {count, formatDuration} from '../progress/format.js';
import type {RecordedStep} from '../store/build-record.js';
import {criticalPath} from './critical-path.js';
import {markup, type Markup} from './html.js';

/** A step of a build that may still run. */
export type TimelineStep = Pick<
  RecordedStep,
  'id' | 'name' | 'stage' | 'line' | 'cached' | 'failed' | 'start' | 'seconds' | 'inputs' | 'causes'
> & {
  readonly running?: boolean;
};

const scale = 1000;

/** The steps by stage, each with a bar of when it ran. A table: it reads without the bars, too. */
export function timeline(steps: readonly TimelineStep[], dockerfile: string): Markup {
  const end = Math.max(0.001, ...steps.map(({start, seconds}) => start + seconds));
  const critical = new Set(criticalPath(steps.filter(({cached}) => !cached)));
  const stages = [...new Set(steps.map(({stage}) => stage))];
  const onPath = steps.filter(({id}) => critical.has(id)).reduce((sum, {seconds}) => sum + seconds, 0);
  const rows = stages.map((stage) => {
    const own = steps.filter((step) => step.stage === stage);
    const ran = own.filter(({cached}) => !cached).reduce((sum, {seconds}) => sum + seconds, 0);
    return markup`<tr class="stage">
        <th scope="rowgroup" colspan="3">
          ${stage}
          <span class="soft">${count(own.length, 'step')}, ${ran === 0 ? 'cached' : formatDuration(ran)}</span>
        </th>
      </tr>
      ${own.map((step) => row(step, end, critical.has(step.id)))}`;
  });
  return markup`<p class="note">
      ${
        critical.size === 0
          ? 'Every step came from the cache.'
          : `Bars show when each step ran within ${formatDuration(end)}. The build waited for the steps on its critical path: ${formatDuration(onPath)} of it.`
      }
    </p>
    <ul class="key" aria-hidden="true">
      ${keyItem('critical', 'ran, on the critical path')}${keyItem('ran', 'ran')}${keyItem('cached', 'from the cache')}${keyItem('failed', 'failed')}
    </ul>
    <table class="steps">
      <caption class="sr">Steps of ${dockerfile}, by stage
      </caption>
      <thead>
        <tr>
          <th scope="col" class="what">Step</th>
          <th scope="col" class="when">Time line</th>
          <th scope="col" class="num took">Took</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`;
}

const keyItem = (kind: string, text: string): Markup =>
  markup`<li>
    <svg viewBox="0 0 10 10"><rect class="${kind}" width="10" height="10" rx="2" /></svg>${text}
  </li>`;

function row(step: TimelineStep, end: number, isCritical: boolean): Markup {
  const {name, line, cached, failed, start, seconds, causes, running} = step;
  const kind = failed ? 'failed' : cached ? 'cached' : isCritical ? 'critical' : 'ran';
  const state = running === true ? 'running' : failed ? 'failed' : cached ? 'cached' : formatDuration(seconds);
  const said = isCritical && !failed ? `${state}, on the critical path` : state;
  return markup`<tr>
    <th scope="row" class="what">
      <span class="mono">${withoutStage(name)}</span>${causes.map(
        (cause) =>
          markup`<span class="cause"
            >because ${cause.text}${cause.advice !== undefined && markup` — ${cause.advice}`}</span
          >`,
      )}
    </th>
    <td class="when">
      <svg
        class="bar"
        viewBox="0 0 ${scale} 12"
        preserveAspectRatio="none"
        role="img"
        aria-label="${said}, ${formatDuration(start)} after the start"
      >
        <title>${name} (line ${line}): ${said}</title>
        <rect class="bg" y="5.5" width="${scale}" height="1" />
        ${bar(kind, start, seconds, end)}
      </svg>
    </td>
    <td class="num took">
      ${failed ? markup`<span class="bad-text">failed</span>` : cached ? markup`<span class="soft">cached</span>` : state}
    </td>
  </tr> `;
}

function bar(kind: string, start: number, seconds: number, end: number): Markup {
  const x = (start / end) * scale;
  // What took no time at all is seen, too.
  const width = Math.max(4, (seconds / end) * scale);
  return markup`<rect
    class="${kind}"
    x="${Math.min(x, scale - 4).toFixed(1)}"
    width="${width.toFixed(1)}"
    height="12"
    rx="2"
  />`;
}

/** `RUN make` of `[builder 3/7] RUN make`: the stage heads the rows. */
const withoutStage = (name: string): string => name.replace(/^\[(?:[^\]]*? )?(\d+)\/\d+\] /, '');
