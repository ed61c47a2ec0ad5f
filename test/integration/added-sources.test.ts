import {execFileSync} from 'node:child_process';
import {createServer, type RequestListener} from 'node:http';
import type {AddressInfo} from 'node:net';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {buildBusyboxBase} from '../helpers/busybox-base.js';
import {namesIn, workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const flags = ['--driver', 'embedded', '--no-artifacts', '--progress', 'plain'];

async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('ADD of a repository: names that are no UTF-8 are added, and the same commit is not added again', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root} = workshop(t, undefined, {'repository/a.txt': 'a'});
  const repository = join(root, 'repository');
  writeFileSync(Buffer.concat([Buffer.from(`${repository}/caf`), Buffer.of(0xe9)]), 'b');
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args]);
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '-m', 'one');
  const from = `file://${repository}/.git#main`;
  const dockerfile = `FROM scratch\nADD --keep-git-dir=true ${from} /with/\nADD ${from} /without/\n`;
  writeFileSync(join(root, 'Dockerfile'), dockerfile);
  const first = await cli(['build', ...flags, '-o', 'type=tar,dest=out.tar', '--json']);
  t.is(first.status, 0, first.stderr);
  const listed = execFileSync('tar', ['-tf', join(root, 'out.tar')], {encoding: 'utf8'});
  for (const name of ['with/.git/HEAD', 'with/caf\\351', 'without/a.txt', 'without/caf\\351'])
    t.true(listed.split('\n').includes(name), `${name} is not in ${listed}`);
  t.false(listed.includes('without/.git'));
  const again = await cli(['build', ...flags, '--json']);
  t.deepEqual((JSON.parse(again.stdout) as {steps: unknown}).steps, {ran: 0, cached: 2}, again.stderr);
});

test('ADD of a URL: what is fetched lies in the store; a name that no file can have matters in a directory only', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root, store, temporary} = workshop(t, undefined);
  let seen: readonly string[] = [];
  const host = await serve(t, (request, response) => {
    if (request.method === 'HEAD') return void response.end();
    response.write('content');
    setTimeout(() => {
      seen = [...namesIn(temporary), ...namesIn(join(store, 'tmp')).map((name) => `store ${name.replace(/.*-/, '')}`)];
      response.end();
    }, 100);
  });
  const url = `${host}/${'x'.repeat(300)}`;
  writeFileSync(join(root, 'Dockerfile'), `FROM scratch\nADD ${url} /file\n`);
  const built = await cli(['build', ...flags]);
  t.is(built.status, 0, built.stderr);
  t.true(seen.length > 0 && seen.every((name) => name.startsWith('store ')), seen.join());
  t.deepEqual(namesIn(temporary), []);
  writeFileSync(join(root, 'Dockerfile'), `FROM scratch\nADD ${url} /directory/\n`);
  const refused = await cli(['build', ...flags]);
  t.is(refused.status, 1, refused.stderr);
  t.regex(refused.stderr, /cannot copy .*ENAMETOOLONG/);
  t.notRegex(refused.stderr, /internal error/);
});

test('a bind mount of a named context has its own ignore rules, also where it is the main context too', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root} = workshop(t, undefined, {
    'context/a': 'a',
    'context/b': 'b',
    'context/.dockerignore': 'a\n',
    'context/Dockerfile.dockerignore': 'b\n',
    'context/Dockerfile':
      'FROM t/base\nRUN --mount=type=bind,target=/one --mount=type=bind,from=other,target=/two ls /one /two\n',
  });
  t.is((await buildBusyboxBase(cli, join(root, 'base'))).status, 0);
  const built = await cli(['build', ...flags, 'context', '--build-context', 'other=context']);
  t.is(built.status, 0, built.stderr);
  const listed = [...built.stderr.matchAll(/^#\d+ [\d.]+ (.*)$/gm)].map(([, line]) => line);
  const both = ['Dockerfile', 'Dockerfile.dockerignore'];
  t.deepEqual(listed, ['/one:', ...both, 'a', '/two:', ...both, 'b'], built.stderr);
});
