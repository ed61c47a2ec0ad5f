import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, chmodSync} from 'node:fs';
import {execFileSync} from 'node:child_process';
import {createServer} from 'node:http';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {type CliOptions, workshop} from '../helpers/cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {writeTree} from '../helpers/tree.js';

const common = ['--no-compose', '--driver', 'embedded', '--progress', 'plain', '--no-artifacts'];
const dockerfile = `FROM scratch AS base
COPY base /
FROM base
WORKDIR /made/by/workdir
COPY tree /data/deep/down
COPY --chown=7:8 tree/a /there/new
COPY tree/a /one/two/
COPY <<E /documents/e
text
E
ADD archive.tar /unpacked/here/
COPY --from=base /there /copied/from/base
`;

/** A clock of another machine: days ahead, for all of Node's processes of a run. */
const otherClock = `
const ahead = 9e8, Real = Date;
globalThis.Date = class extends Real {
  constructor(...args) { if (args.length === 0) super(Real.now() + ahead); else super(...args); }
  static now() { return Real.now() + ahead; }
};
`;

/** The words before a program that make it run as an ordinary user with subordinate ids. */
function ordinary(): readonly string[] | undefined {
  const user = 'build-image-test';
  const known = existsSync('/etc/subuid') && readFileSync('/etc/subuid', 'utf8').includes(`${user}:`);
  if (!known || !existsSync('/usr/bin/newuidmap')) return undefined;
  return ['setpriv', '--reuid', user, '--regid', user, '--init-groups'];
}

test('with SOURCE_DATE_EPOCH path, clock, umask and user do not show in the digest', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const rootless = ordinary();
  if (!available(t, rootless !== undefined, 'uidmap and a user build-image-test with subordinate ids')) return;
  const {cli, root} = workshop(t, undefined, {});
  const app = join(root, 'app');
  writeTree(app, {Dockerfile: dockerfile, 'base/there/old': 'old\n', 'tree/a': 'a\n', 'tree/sub/b': 'b\n'});
  symlinkSync('sub', join(app, 'tree/link'));
  execFileSync('tar', ['-cf', 'archive.tar', '-C', 'tree', 'sub/b'], {cwd: app});
  // A place that the ordinary user may write to, too.
  const place = mkdtempSync('/tmp/build-image-reproducible-');
  t.teardown(() => rmSync(place, {recursive: true, force: true}));
  chmodSync(place, 0o777);
  const clock = join(place, 'clock.cjs');
  writeFileSync(clock, otherClock);
  const build = async (name: string, output: string, options: CliOptions = {}, touched = false) => {
    const own = join(place, name);
    mkdirSync(own, {mode: 0o777});
    chmodSync(own, 0o777);
    const context = join(own, `context-${name}`);
    execFileSync('cp', ['-a', app, context]);
    if (touched) execFileSync('find', [context, '-exec', 'touch', '-h', '{}', '+']);
    const out = join(own, 'out.tar');
    const args = [context, '--root', join(own, 'store'), '-o', `type=oci,dest=${out}${output}`, '--json'];
    const run = await cli([...common, ...args, '--build-arg', 'SOURCE_DATE_EPOCH=1000000000'], {
      ...options,
      cwd: own,
      env: {HOME: own, TMPDIR: own, ...options.env},
    });
    t.is(run.status, 0, run.stderr);
    return (JSON.parse(run.stdout) as {digest: string}).digest;
  };
  const others: readonly (readonly [string, CliOptions])[] = [
    ['clock', {env: {NODE_OPTIONS: `--require ${clock}`}}],
    ['umask', {prefix: ['sh', '-c', 'umask 077; exec "$@"', 'sh']}],
    ['user', {prefix: rootless ?? []}],
  ];
  const plain = await build('plain', '');
  const rewritten = await build('rewritten', ',rewrite-timestamp=true', {}, true);
  for (const [name, options] of others) {
    t.is(await build(name, '', options), plain, name);
    t.is(
      await build(`${name}-rewritten`, ',rewrite-timestamp=true', options, true),
      rewritten,
      `${name}, times rewritten`,
    );
  }
});

test('ADD of a URL with a checksum fetches nothing where the step is cached', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const here = await serve(t, 'what is fetched\n');
  const {cli, root} = workshop(t, undefined, {});
  writeTree(join(root, 'app'), {
    Dockerfile: `FROM scratch\nADD --checksum=${here.digest} ${here.url}/file.txt /to/\n`,
  });
  const first = await cli([...common, 'app']);
  t.is(first.status, 0, first.stderr);
  t.is(here.requests(), 1);
  const again = await cli([...common, 'app']);
  t.is(again.status, 0, again.stderr);
  t.is(again.stdout, first.stdout);
  t.is(here.requests(), 1);
  const fresh = await cli([...common, '--no-cache', 'app']);
  t.is(fresh.status, 0, fresh.stderr);
  t.is(here.requests(), 2);
});

async function serve(t: ExecutionContext, body: string) {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.end(body);
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  return {url: `http://127.0.0.1:${port ?? 0}`, digest, requests: () => requests};
}
