import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {basename, join} from 'node:path';
import {gzipSync} from 'node:zlib';
import test from 'ava';
import {copyOf} from '../../../engine/drivers/embedded/solve/content-key.js';
import {fetchSources, isRemote} from '../../../engine/drivers/embedded/files/remote-source.js';
import {temporaryDirectory} from '../../helpers/temporary.js';

const server = createServer((request, response) => {
  const packed = request.url?.includes('packed') === true;
  response.writeHead(200, packed ? {'content-encoding': 'gzip'} : {});
  response.end(packed ? gzipSync('the body\n') : 'the body\n');
});

test.before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
test.after.always(() => server.close());

// Names and bytes that the current BuildKit gives for the same URLs.
for (const [path, name] of [
  ['file.txt?q=1#part', 'file.txt'],
  ['a%20b.txt', 'a b.txt'],
  ['dir/a%2Fb.txt', 'b.txt'],
  ['dir/', 'dir'],
  ['', '__unnamed__'],
  ['packed.txt', 'packed.txt'],
] as const) {
  test(`ADD of /${path} is the file ${name}`, async (t) => {
    const {port} = server.address() as AddressInfo;
    const operation = {
      ...copyOf({source: ''}),
      kind: 'add' as const,
      sources: [`http://127.0.0.1:${port}/${path}`],
    };
    const fetched = await fetchSources(operation, join(temporaryDirectory(t), 'fetched'), AbortSignal.timeout(20_000));
    try {
      t.is(basename(fetched.all[0]?.path ?? ''), name);
      t.is(readFileSync(fetched.all[0]?.path ?? '', 'utf8'), 'the body\n');
    } finally {
      fetched.close();
    }
  });
}

test('a scheme in capitals makes a path', (t) => {
  t.true(isRemote('https://host/f'));
  t.false(isRemote('HTTP://host/f'));
});
