import test from 'ava';
import {fetchReleases} from '../../engine/bases/release.js';
import {serve} from '../helpers/registry.js';
import {commandLines} from '../helpers/processes.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {available} from '../helpers/requirement.js';
import {existsSync} from 'node:fs';

test('the password of an apt source reaches its mirror, and no argument', async (t) => {
  if (!available(t, existsSync('/usr/lib/apt/apt-helper'), 'apt fetches the index of a release')) return;
  const [user, password] = ['reader', 'pass:w/rd'];
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const seen: string[] = [];
  const host = await serve(t, (request, response) => {
    seen.push(commandLines(process.pid));
    if (request.headers.authorization !== basic) {
      response.writeHead(401, {'www-authenticate': 'Basic realm="x"'}).end();
    } else if (request.url === '/debian/dists/stable/InRelease') {
      response.end('Date: Sat, 01 Jan 2022 00:00:00 UTC\n');
    } else response.writeHead(404).end();
  });
  const uris = [`http://${user}:${encodeURIComponent(password)}@${host}/debian/`];
  const source = {uris, suites: ['stable'], components: ['main'], options: new Map<string, string>()};
  const signal = AbortSignal.timeout(20_000);
  const [release] = await fetchReleases([{source, derived: false}], temporaryDirectory(t), signal);
  t.is(release?.date, Date.UTC(2022, 0) / 1000);
  t.true(seen.length > 0);
  t.regex(seen.join('\n'), /apt-helper/);
  t.notRegex(seen.join('\n'), /pass:w|pass%3A/);
});
