import {execFile} from 'node:child_process';
import {join} from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';
import {registriesOf} from '../../engine/cli/registries.js';
import {type Answer, workshop} from '../helpers/cli.js';
import {hasRegistry, recordingProxy, startRegistry} from '../helpers/registry.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const tree = {
  'app/Dockerfile': 'FROM scratch\nCOPY file /a\nCOPY --chown=33:33 --chmod=4600 file /b/c\nENV X=y\n',
  'app/file': 'content',
  'next/more': 'more',
};
const build = ['--driver', 'embedded', '--no-compose', '--no-artifacts', '--progress', 'plain', '--json'];

/** How Skopeo writes an image to a registry. */
const forms = {
  docker: ['--format', 'v2s2'],
  oci: ['--format', 'oci'],
  zstd: ['--format', 'oci', '--dest-compress-format', 'zstd'],
} as const;

test('images that others pushed are bases, asked for once by a build, and found through a mirror', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '') || !hasRegistry(t)) return;
  const {cli, root} = workshop(t, undefined, tree);
  const {host, requests} = await recordingProxy(t, await startRegistry(t));
  t.is((await cli(['build', ...build, '-t', 'app:1', 'app'])).status, 0);
  t.is((await cli(['save', 'app:1', '-o', 'app.tar'])).status, 0);
  const args = ['copy', '-q', '--dest-tls-verify=false', '--dest-compress', 'docker-archive:app.tar:app:1'];
  for (const [form, options] of Object.entries(forms)) {
    const target = `docker://${host}/library/app:${form}`;
    await promisify(execFile)('skopeo', [...args.slice(0, 1), ...options, ...args.slice(1), target], {cwd: root});
    for (const [base, env] of [
      [`${host}/library/app:${form}`, {}],
      [`app:${form}`, {BUILD_IMAGE_REGISTRY_MIRRORS: `http://${host}`}],
    ] as const) {
      requests.length = 0;
      const file = `FROM ${base}\nCOPY more /\n`;
      const store = `store-${form}-${base.length}`;
      const run = await cli(['build', ...build, '--pull', '--root', store, '-f', '-', '-o', 'files', 'next'], {
        env,
        stdin: file,
      });
      t.is(run.status, 0, run.stderr);
      t.is((JSON.parse(run.stdout) as Answer).steps.ran, 1);
      const asked = requests.filter(({method, url}) => method === 'GET' && url.includes('/manifests/'));
      t.is(asked.length, 1, `${base}: ${asked.map(({url}) => url).join(' ')}`);
      const {stdout} = await promisify(execFile)('stat', ['-c', '%a %u', join(root, 'files/b/c')]);
      t.is(stdout, '4600 33\n');
    }
  }
});

test('mirrors and insecure registries come from the environment', (t) => {
  const found = registriesOf({
    BUILD_IMAGE_REGISTRY_MIRRORS: 'https://a.example, quay.io=b.example/path c.example:5000',
    BUILD_IMAGE_INSECURE_REGISTRIES: 'c.example:5000',
  });
  t.deepEqual(
    found.mirrors,
    new Map([
      ['docker.io', ['https://a.example', 'c.example:5000']],
      ['quay.io', ['b.example/path']],
    ]),
  );
  t.deepEqual(found.insecure, ['c.example:5000']);
  t.throws(() => registriesOf({BUILD_IMAGE_REGISTRY_MIRRORS: 'https://user:secret@a.example'}), {
    code: 'CONFIG_INVALID',
  });
  t.throws(() => registriesOf({BUILD_IMAGE_INSECURE_REGISTRIES: 'http://a.example'}), {code: 'CONFIG_INVALID'});
});
