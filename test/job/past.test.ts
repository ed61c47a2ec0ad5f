import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {pastOf} from '../../engine/job/explain/causes-of.js';
import type {Job} from '../../engine/job/project.js';
import {recordBuild} from '../../engine/store/history.js';
import {recordOf} from '../helpers/record.js';

test('a build that ended while another ran is none before it', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'build-image-test-'));
  t.teardown(() => rmSync(root, {recursive: true, force: true}));
  const {signal} = new AbortController();
  const record = recordOf({dockerfile: 'Dockerfile', place: '/context', driver: 'embedded'});
  const began = Date.parse('2026-01-01T00:00:10Z');
  for (const seconds of [5, 10, 15]) {
    const time = new Date(Date.parse('2026-01-01T00:00:00Z') + seconds * 1000);
    t.true(recordBuild(root, record, time, signal).written);
  }
  const job = {context: {kind: 'directory', root: '/context'}, dockerfile: {file: 'Dockerfile'}, settings: {}} as Job;
  const {records} = await pastOf(root, job, 'embedded', began, signal);
  t.deepEqual(
    records.map(({time}) => time),
    ['2026-01-01T00:00:10.000Z', '2026-01-01T00:00:05.000Z'],
  );
});
