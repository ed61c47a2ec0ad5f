import {formatDuration} from '../progress/format.js';
import type {RunningBuild} from '../store/running.js';
import {fact} from './build-page.js';
import {markup} from './html.js';
import type {Page} from './page.js';
import {timeline, type TimelineStep} from './timeline.js';

/** The page of a build that runs: what is known of its steps so far. */
export function runningPage(build: RunningBuild, made: string): Page {
  const {title, dockerfile, seconds} = build;
  const steps = build.steps.map((step): TimelineStep => ({
    ...step,
    causes: [],
    seconds: step.running ? Math.max(0, seconds - step.start) : step.seconds,
  }));
  const done = steps.filter(({running}) => running !== true).length;
  return {
    title: `${title}: running`,
    made,
    head: markup`<h1>${title} <span class="badge">running</span></h1>
      <p class="lead">${dockerfile}</p>
      <dl class="facts">
        ${fact('So far', formatDuration(seconds), undefined)}${fact('Steps', `${done} of ${build.planned}`, `${steps.length - done} running`)}
      </dl>`,
    sections: [{id: 'steps', title: 'Steps', body: steps.length > 0 && timeline(steps, dockerfile)}],
  };
}
