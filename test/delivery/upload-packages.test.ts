import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import type {PackageFile, PackageTarget} from '../../engine/delivery/package-targets.js';
import {uploadPackages} from '../../engine/delivery/upload-packages.js';
import {serve} from '../helpers/registry.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const signal = new AbortController().signal;
const quiet = {emit: () => undefined};

test('a package that cannot be read, or whose server hangs up, fails alone: the others are served', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.deb'), 'package');
  const sent: string[] = [];
  const host = await serve(t, (request, response) => {
    const {method, url = ''} = request;
    if (url.startsWith('/broken/')) {
      response.setHeader('content-length', '1000').write('part', () => setTimeout(() => response.destroy(), 20));
    } else if (method === 'GET') response.writeHead(404).end();
    else {
      sent.push(url);
      request.resume().on('end', () => response.writeHead(201).end());
    }
  });
  const target = (place: string): PackageTarget => ({
    ...{name: place, distribution: 'stable', component: 'main', credentials: undefined},
    ...{kind: 'upload', method: 'PUT', template: ''},
  });
  const delivery = (place: string, path: string) => {
    const file: PackageFile = {path, name: 'app', version: '1', architecture: 'all'};
    return {file, target: target(place), url: `http://${host}/${place}/${path}`};
  };
  const results = await uploadPackages(
    [delivery('broken', 'app.deb'), delivery('fine', 'gone.deb'), delivery('fine', 'app.deb')],
    directory,
    quiet,
    signal,
  );
  t.deepEqual(
    results.map(({outcome, failure}) => outcome ?? failure?.code),
    ['REGISTRY_UNREACHABLE', 'IO', 'uploaded'],
  );
  t.regex(results[0]?.failure?.message ?? '', /^broken: cannot reach the registry 127\.0\.0\.1/);
  t.regex(results[1]?.failure?.message ?? '', /^fine: cannot read gone\.deb: /);
  t.deepEqual(sent, ['/fine/app.deb']);
});
