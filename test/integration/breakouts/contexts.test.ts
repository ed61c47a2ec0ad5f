import {execFileSync} from 'node:child_process';
import {mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {gzipSync} from 'node:zlib';
import type {TarMember} from '../conformance/case.js';
import {tarOf} from '../conformance/tar.js';
import {attack, type Range} from './range.js';

const base = 'FROM conformance-base\n';

attack('a context: symlinks out of it, absolute and relative', ({host}) => ({
  dockerfile: `${base}COPY . /all/\nCOPY abs/ /abs/\n`,
  context: {
    abs: {link: host},
    rel: {link: `../host/secret`},
    deep: {link: `${'../'.repeat(20)}${host.slice(1)}/secret`},
  },
  ends: 'refused',
  says: /not in the build context/,
}));
attack('a context: a symlink to a file of the host as the source of COPY', ({host}) => ({
  dockerfile: `${base}COPY l /x\n`,
  context: {l: {link: join(host, 'secret')}},
  ends: 'refused',
}));
attack('a context: dot-dot in a source of COPY', () => ({
  dockerfile: `${base}COPY ../host/secret ../../../../../../etc/shadow /x/\n`,
  ends: 'refused',
}));
attack('a context: wildcards over a symlink to the host', ({host}) => ({
  dockerfile: `${base}COPY l/* /x/\n`,
  context: {l: {link: host}},
  ends: 'either',
}));
attack('a context: a pipe and a device that are copied', () => ({
  dockerfile: `${base}COPY pipe node /x/\nRUN if true < /x/node; then echo "OPEN""ED"; fi\n`,
  context: {pipe: {fifo: true}, node: {device: [10, 237]}},
  ends: 'either',
  notSays: /OPENED/,
}));
attack('a context: a directory that becomes a symlink to the host while it is read', ({context, host}) => {
  const many = Object.fromEntries(Array.from({length: 400}, (_, n) => [`d/f${n}`, 'x']));
  return {
    dockerfile: `${base}COPY d /d/\n`,
    context: {...many, 'd/secret': '-'.repeat(33), 'd/open': '-'.repeat(33)},
    args: ['--no-cache'],
    ends: 'either',
    async meanwhile(_, signal) {
      const [d, away, link] = ['d', '.away', '.link'].map((name) => join(context, name)) as [string, string, string];
      symlinkSync(host, link);
      while (!signal.aborted) {
        renameSync(d, away);
        renameSync(link, d);
        await setImmediate();
        renameSync(d, link);
        renameSync(away, d);
        await setImmediate();
      }
    },
  };
});
attack('a context: a file that becomes a symlink to the host while it is read', ({context, host}) => ({
  dockerfile: `${base}${'COPY f* /d/\n'.repeat(6)}`,
  context: {f: '-'.repeat(33), ...Object.fromEntries(Array.from({length: 100}, (_, n) => [`f${n}`, 'x']))},
  args: ['--no-cache'],
  ends: 'either',
  async meanwhile(_, signal) {
    const [f, link] = [join(context, 'f'), join(context, '.link')];
    while (!signal.aborted) {
      symlinkSync(join(host, 'secret'), link);
      renameSync(link, f);
      await setImmediate();
      writeFileSync(link, '-'.repeat(33));
      renameSync(link, f);
      await setImmediate();
    }
  },
}));
attack('a context: .dockerignore that is a link to a device', () => ({
  dockerfile: `${base}COPY . /x/\n`,
  context: {'.dockerignore': {link: '/dev/zero'}},
  ends: 'refused',
}));
attack('a context: an ignore pattern that takes for ever to match', () => ({
  dockerfile: `${base}COPY . /x/\n`,
  context: {'.dockerignore': `${'**/a*'.repeat(40)}b\n`, ['a'.repeat(200)]: 'x'},
  ends: 'either',
}));
attack('a Dockerfile that is a device without an end', () => ({
  dockerfile: base,
  args: ['-f', '/dev/zero'],
  ends: 'refused',
  says: /not a file/,
}));
attack('a Dockerfile that is a pipe without a writer: an interrupt ends it', ({beside}) => ({
  dockerfile: base,
  beside: {pipe: {fifo: true}},
  args: ['-f', join(beside, 'pipe')],
  options: {signalAfter: 700},
  ends: 'either',
  after: (_, run, t) => {
    t.is(run.status, 130);
    t.true(run.secondsAfterSignal < 2);
  },
}));
attack('a Dockerfile in a tarball that is a link to the host', ({host}) => ({
  dockerfile: '',
  args: ['-'],
  options: {stdin: tarOf([{name: 'Dockerfile', type: 'symlink', link: join(host, 'secret')}])},
  ends: 'refused',
}));

/** A tarball as the context. */
function tarball(title: string, members: (range: Range) => readonly TarMember[], ends: 'refused' | 'contained'): void {
  attack(`a tarball as context: ${title}`, (range) => ({
    dockerfile: '',
    args: ['-'],
    options: {stdin: tarOf([{name: 'Dockerfile', content: `${base}COPY . /x/\n`}, ...members(range)])},
    ends,
  }));
}

tarball(
  'dot-dot and a path of the host',
  ({host}) => [{name: `${'../'.repeat(20)}${host.slice(1)}/open`, content: 'e'}],
  'refused',
);
tarball('an absolute name of the host', ({host}) => [{name: join(host, 'o'), content: 'e'}], 'contained');
tarball(
  'a file through a symlink to the host',
  ({host}) => [
    {name: 'l', type: 'symlink', link: host},
    {name: 'l/open', content: 'e'},
  ],
  'refused',
);
tarball('a hard link to the host', ({host}) => [{name: 'h', type: 'hardlink', link: join(host, 'open')}], 'refused');
tarball('a device', () => [{name: 'n', type: 'block', device: [8, 0]}], 'refused');
attack('a tarball as context: a gzip bomb of two gigabytes', ({beside}) => {
  // A member of 2 GB of zeros is a good 2 MB; compressed again it is a few kB.
  const zeros = gzipSync(Buffer.alloc(64 << 20));
  writeFileSync(join(beside, 'bomb.gz'), Buffer.concat(Array.from({length: 32}, () => zeros)));
  return {dockerfile: base, args: [join(beside, 'bomb.gz')], ends: 'refused'};
});

attack('a named context: links out of it, and dot-dot', ({beside, host}) => ({
  dockerfile: `${base}COPY --from=other l/secret ../../host/secret /x/\n`,
  beside: {'other/l': {link: host}},
  args: ['--build-context', `other=${join(beside, 'other')}`],
  ends: 'refused',
}));
attack('a bind mount of the context: links out of it are dangling', ({host}) => ({
  dockerfile: `${base}RUN --mount=type=bind,target=/m if cat /m/l/secret /m/../host/secret; then echo "REA""CHED"; fi\n`,
  context: {l: {link: host}},
  ends: 'contained',
  notSays: /REACHED/,
}));
attack('a bind mount whose source is a link to the host', ({host}) => ({
  dockerfile: `${base}RUN --mount=type=bind,source=l,target=/m cat /m/secret\n`,
  context: {l: {link: host}},
  ends: 'refused',
}));

attack('a Git repository: links to the host, and options in its name and ref', ({beside, host}) => {
  const repository = join(beside, 'repo');
  mkdirSync(repository);
  symlinkSync(join(host, 'secret'), join(repository, 'l'));
  symlinkSync(host, join(repository, 'sub'));
  writeFileSync(join(repository, 'Dockerfile'), `${base}COPY l /x\n`);
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=x', '-c', 'user.email=x@y', ...args], {stdio: 'pipe'});
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'x');
  return {
    dockerfile: '',
    args: [`file://${repository}/.git#HEAD`],
    ends: 'refused',
    async after({build, host: there}, _, t) {
      for (const evil of [
        `file://${repository}/.git#HEAD:sub`,
        `file://${repository}/.git#--upload-pack=touch ${there}/pwned`,
        `file://${repository}/.git?ref=--upload-pack=x`,
        'ext::sh -c "touch% /tmp/pwned".git',
        '--upload-pack=touch.git',
      ]) {
        const run = await build(['--', evil]);
        t.true([1, 2, 3].includes(run.status ?? -1), `${evil}: ${run.stderr}`);
        t.notRegex(run.stderr, /internal error/);
      }
    },
  };
});
attack('ADD of a URL that redirects to a file, and to another host with the credentials', async ({host}) => {
  const seen: (string | undefined)[] = [];
  const thief = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end('stolen\n');
  });
  await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
  thief.unref();
  const other = (thief.address() as AddressInfo).port;
  const server = createServer((request, response) => {
    const location = request.url === '/file' ? `file://${host}/secret` : `http://localhost:${other}/x`;
    response.writeHead(302, {location}).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const {port} = server.address() as AddressInfo;
  return {
    dockerfile: `${base}ADD http://user:sesame@127.0.0.1:${port}/other /x\nADD http://127.0.0.1:${port}/file /y\n`,
    args: ['--no-cache'],
    ends: 'refused',
    says: /redirect/,
    notSays: /sesame/,
    after(_, __, t) {
      server.close();
      thief.close();
      t.deepEqual([...new Set(seen)], [undefined]);
    },
  };
});
attack('ADD of a file: URL', ({host}) => ({dockerfile: `${base}ADD file://${host}/secret /x\n`, ends: 'refused'}));

/** ADD unpacks an archive of the context. */
function added(title: string, members: (range: Range) => readonly TarMember[], ends: 'refused' | 'contained'): void {
  attack(`ADD of an archive: ${title}`, (range) => ({
    dockerfile: `${base}ADD a.tar /into/\n`,
    context: {'a.tar': {tar: members(range)}},
    ends,
  }));
}

added(
  'dot-dot and a path of the host',
  ({host}) => [{name: `${'../'.repeat(20)}${host.slice(1)}/open`, content: 'e'}],
  'refused',
);
added(
  'a file through a symlink to the host',
  ({host}) => [
    {name: 'l', type: 'symlink', link: host},
    {name: 'l/o', content: 'e'},
  ],
  'contained',
);
added('a hard link to the host', ({host}) => [{name: 'h', type: 'hardlink', link: join(host, 'open')}], 'refused');
added(
  'a directory that gives way to a symlink to the host, where its own directory is then dated',
  ({host}) => [
    {name: 'd', type: 'directory'},
    {name: 'd/dir', type: 'directory', mtime: 1},
    {name: 'd', type: 'symlink', link: host},
  ],
  'contained',
);
added(
  'a path of a hundred thousand directories',
  () => [{name: 'x', pax: {path: `${'a/'.repeat(100_000)}f`}, content: 'e'}],
  'refused',
);
attack('ADD of an archive that becomes a symlink to one of the host', ({context, beside, secret}) => {
  const [plain, evil] = [tarOf([{name: 'x', content: 'y'}]), tarOf([{name: 'x', content: secret}])];
  mkdirSync(join(beside, 'd'));
  writeFileSync(join(beside, 'd/a.tar'), evil);
  return {
    dockerfile: `${base}${'ADD d/a.tar /into/\n'.repeat(8)}`,
    context: {'d/a.tar': plain.toString('latin1')},
    args: ['--no-cache'],
    ends: 'either',
    async meanwhile(_, signal) {
      const [d, away, link] = ['d', '.away', '.link'].map((name) => join(context, name)) as [string, string, string];
      symlinkSync(join(beside, 'd'), link);
      while (!signal.aborted) {
        renameSync(d, away);
        renameSync(link, d);
        await setImmediate();
        renameSync(d, link);
        renameSync(away, d);
        await setImmediate();
      }
      rmSync(link);
      readFileSync(join(d, 'a.tar'));
    },
  };
});
