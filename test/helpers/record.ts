import type {NewBuildRecord, RecordedStep} from '../../engine/store/build-record.js';

/** A past build with whatever is of interest. */
export function recordOf(more: Partial<NewBuildRecord> = {}): NewBuildRecord {
  return {
    dockerfile: 'docker/Dockerfile',
    contextName: 'portal',
    place: '/src/portal',
    target: 'production',
    platform: 'linux/amd64',
    driver: 'docker',
    seconds: 12.5,
    outcome: 'done',
    error: null,
    args: [],
    env: [],
    fresh: {all: false, stages: []},
    image: null,
    tags: [],
    artifacts: [],
    layers: [],
    facts: null,
    steps: [],
    ...more,
  };
}

export function recordedStep(key: string, more: Partial<RecordedStep> = {}): RecordedStep {
  return {
    id: 'builder.1',
    key,
    name: '[builder 1/2] RUN make',
    stage: 'builder',
    line: 7,
    instruction: 'RUN',
    text: 'RUN make',
    written: 'RUN make',
    parent: null,
    cached: false,
    failed: false,
    start: 0,
    seconds: 1,
    inputs: [],
    causes: [],
    cacheKey: null,
    ...more,
  };
}
