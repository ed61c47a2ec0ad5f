import {execFile} from 'node:child_process';
import {cpSync, existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import {workshop, type Workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, type DaemonKind, type TestDaemon} from '../helpers/daemon.js';
import {ensureDebianImage} from '../helpers/debian-image.js';
import {imageContent} from '../helpers/image-content.js';
import type {TreeEntry} from '../helpers/tree.js';

/** As the docker client's DOCKER_BUILDKIT has it. */
type Builder = 'classic' | 'BuildKit';

const run = promisify(execFile);
/** Debian's client: it speaks BuildKit without a plugin. */
const client = '/usr/bin/docker';

async function theirs(daemon: TestDaemon, builder: Builder, tag: string, args: readonly string[], cwd: string) {
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${daemon.socket}`,
    DOCKER_BUILDKIT: builder === 'classic' ? '0' : '1',
  };
  await run(client, ['build', '--network', 'host', '-t', tag, ...args], {env, cwd, maxBuffer: 1e8});
}

/** Logs, caches of apt and ldconfig, compiled Python: listed without size and content. */
function timeless(file: string): string {
  const [path = ''] = file.split(' ');
  return /^var\/(?:log|cache)\/|\.pyc$/.test(path) ? path : file;
}

/** Both build; what they made is compared. `cached`: theirs may take over steps of ours, and has to. */
async function compare(
  t: ExecutionContext,
  daemon: TestDaemon,
  builder: Builder,
  shop: Workshop,
  args: readonly string[],
  cached: boolean,
): Promise<void> {
  const {cli, tag, root} = shop;
  const other = `${tag}-theirs`;
  t.teardown(() =>
    daemon.docker
      .getImage(other)
      .remove({force: true})
      .catch(() => undefined),
  );
  const fresh = cached ? [] : ['--no-cache'];
  const ours = await cli(
    ['--driver', 'docker', '--network', 'host', '--no-artifacts', '--no-compose', '-t', tag, ...fresh, ...args],
    {env: {DOCKER_BUILDKIT: builder === 'classic' ? '0' : '1'}},
  );
  t.is(ours.status, 0, ours.stderr);
  await theirs(daemon, builder, other, [...fresh, ...args], root);
  const [mine, its] = await Promise.all([imageContent(daemon, tag), imageContent(daemon, other)]);
  t.deepEqual(mine.config, its.config);
  // A step that the daemon ran again instead of answering from its cache (the classic builder where a stage's files are
  // new, a busy BuildKit now and then) has the time in what it writes: logs and compiled Python.
  const again = cached && mine.layers.join() !== its.layers.join();
  if (again) t.log('the daemon ran steps again: logs and caches are compared by their names');
  const seen = (files: readonly string[]) => (again ? files.map(timeless) : files);
  t.deepEqual(seen(mine.files), seen(its.files));
  t.true(mine.files.length > 0);
  t.is(mine.layers.length, its.layers.length);
}

const arguments_ = ['.'];

interface Small {
  readonly dockerfile: string;
  readonly tree?: Readonly<Record<string, TreeEntry>>;
  readonly args?: readonly string[];
  /** What the classic builder, or the BuildKit of Debian's daemon, lacks. */
  readonly only?: 'BuildKit' | 'current';
}

const tree: Readonly<Record<string, TreeEntry>> = {
  'a.txt': 'a\n',
  'sub/b.txt': 'b\n',
  'sub/deep/c.txt': 'c\n',
  'sub/ü ñ.txt': 'unicode',
  'run.sh': {mode: 0o755, content: '#!/bin/sh\n'},
  private: {mode: 0o600, content: 'p'},
  sticky: {directory: true, mode: 0o1777},
  'links/relative': {link: '../a.txt'},
  'links/absolute': {link: '/sub'},
  'links/broken': {link: 'nowhere'},
  'x.log': 'x',
  'keep.log': 'keep',
  empty: '',
};

const small: Readonly<Record<string, Small>> = {
  'the whole context, behind ignore rules': {
    dockerfile: 'FROM scratch\nCOPY . /\n',
    tree: {'.dockerignore': '# logs\n*.log\n!keep.log\n**/deep\nDockerfile\n'},
  },
  'sources, wildcards and destinations': {
    dockerfile:
      'FROM BASE\nCOPY a.txt b\nCOPY a.txt run.sh /dir/\nCOPY sub /sub\nCOPY s?b/*.txt /picked/\nCOPY ["sub/ü ñ.txt", "/with space/"]\nCOPY links /links\nWORKDIR /w\nCOPY a.txt ./x/y/\n',
  },
  'owners by number and by name': {
    dockerfile:
      'FROM BASE\nCOPY --chown=5:6 sub /n\nCOPY --chown=root:0 a.txt /r\nADD --chown=7 a.txt /s\nUSER 8:9\nRUN touch /tmp/u\nCOPY a.txt /tmp/c\n',
  },
  'permissions by --chmod': {dockerfile: 'FROM BASE\nCOPY --chmod=0751 a.txt run.sh /m/\n', only: 'BuildKit'},
  'arguments and variables': {
    dockerfile:
      'ARG BASE_NAME=BASE\nFROM $BASE_NAME\nARG A=1\nARG B\nENV C=${A}-${B:-none} D="two  words" E=$A\\ x\nENV legacy a  b\nRUN echo "$A $B $C $D $E $legacy" > /out\nWORKDIR /w/$A\nLABEL a=$A "b c"="$C"\nEXPOSE $A\n',
    args: ['--build-arg', 'A=81'],
  },
  'every instruction of the config': {
    dockerfile:
      'FROM BASE\nMAINTAINER some one <some@example.org>\nLABEL one=1 two="2 2"\nEXPOSE 80 53/udp 90-92\nVOLUME /v1 /v2\nVOLUME ["/v3"]\nUSER 1:2\nWORKDIR rel\nWORKDIR deeper\nSTOPSIGNAL SIGQUIT\nHEALTHCHECK --interval=5s --retries=2 CMD true || exit 1\nSHELL ["/bin/sh", "-ec"]\nENTRYPOINT ["/bin/echo", "x"]\nCMD a b "c"\nONBUILD RUN echo triggered\n',
  },
  'stages that copy from each other': {
    dockerfile:
      'FROM BASE AS one\nWORKDIR /o\nRUN echo 1 > one && mkdir -m 700 d && echo x > d/x\nFROM BASE AS unused\nRUN true\nFROM one AS two\nRUN echo 2 > two\nENV INHERITED=yes\nFROM two\nCOPY --from=0 /o /copied\nCOPY --from=two /o/two /two\nRUN rm -r /o && echo $INHERITED > /i\n',
  },
  'a target, labels and a Dockerfile of another name': {
    dockerfile: 'FROM scratch\n',
    tree: {'docker/Dockerfile.other': 'FROM BASE AS one\nRUN echo 1 > /one\nFROM BASE AS two\nRUN echo 2 > /two\n'},
    args: ['-f', 'docker/Dockerfile.other', '--target', 'one', '--label', 'given=1', '--label', 'more=a b'],
  },
  'continuations, comments, escapes and quotes': {
    dockerfile:
      "# escape=`\nFROM BASE\nRUN echo one `\n  # a comment\n\n  && echo 'two `` $HOME' `\n  > /out\nENV A=\"q `\" x\" B='single $A'\nCMD `\n  echo a `\n\n  b\n",
  },
  'links, modes and removed files': {
    dockerfile:
      'FROM BASE AS one\nRUN mkdir -m 2750 /g && touch /g/f && chmod 4755 /g/f && mkdir /gone && touch /gone/x\nFROM one\nRUN rm -r /gone && touch /gone && rm /g/f && mkdir /g/f\nCOPY links /g/\nCOPY private sticky /p/\n',
  },
  'archives that ADD unpacks': {dockerfile: 'FROM BASE\nADD packed.tar.gz /unpacked/\nCOPY packed.tar.gz /\n'},
  'here-documents': {
    dockerfile: 'FROM BASE\nARG X=1\nRUN <<EOF\necho $X > /a\nEOF\nCOPY <<EOF <<"RAW" /d/\n$X\nEOF\n$X\nRAW\n',
    only: 'current',
  },
  'mounts of a step': {
    dockerfile:
      'FROM BASE AS one\nRUN echo 1 > /one\nFROM BASE\nRUN --mount=type=bind,from=one,target=/m --mount=type=bind,target=/c --mount=type=cache,target=/k --mount=type=tmpfs,target=/t cat /m/one /c/a.txt > /out && touch /k/x /t/x\n',
    only: 'BuildKit',
  },
};

const sameSmall = test.macro<[DaemonKind, Builder, string, Small]>({
  async exec(t, kind, builder, _, {dockerfile, tree: more = {}, args = []}) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined || !hasClient(t)) return;
    const base = await busyboxImage(daemon);
    const withBase = (text: string): string => text.replace(/\bBASE$|\bBASE(?=[ \n])/gm, base);
    const files = Object.entries({...tree, Dockerfile: dockerfile, ...more}).map(
      ([path, entry]) => [path, typeof entry === 'string' ? withBase(entry) : entry] as const,
    );
    const shop = workshop(t, daemon, Object.fromEntries(files));
    await run('tar', ['--sort=name', '--owner=3', '--group=4', '-czf', 'packed.tar.gz', 'sub', 'links'], {
      cwd: shop.root,
    });
    await compare(t, daemon, builder, shop, [...args, ...arguments_], false);
  },
  title: (_, kind, builder, name) => `${name}: the docker client makes the same (${kind} daemon, ${builder})`,
});

const sameSample = test.macro<[DaemonKind, Builder, string]>({
  async exec(t, kind, builder, sample) {
    t.timeout(280_000);
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined || !hasClient(t)) return;
    await ensureDebianImage(daemon);
    const shop = workshop(t, daemon);
    cpSync(join('dockerfiles', sample), shop.root, {recursive: true});
    const file = existsSync(join(shop.root, 'docker/Dockerfile')) ? 'docker/Dockerfile' : 'Dockerfile';
    await compare(t, daemon, builder, shop, ['-f', file, ...arguments_], true);
  },
  title: (_, kind, builder, sample) =>
    `sample ${sample}: the docker client makes the same (${kind} daemon, ${builder})`,
});

function hasClient(t: ExecutionContext): boolean {
  if (existsSync(client)) return true;
  t.log(`skipped: no ${client}`);
  t.pass();
  return false;
}

const samples = readdirSync('dockerfiles', {withFileTypes: true})
  .filter((entry) => entry.isDirectory())
  .map(({name}) => name);
/** Needs what only newer frontends know. */
const modern = 'heredocs-and-mounts';

for (const kind of ['debian', 'current'] as const) {
  for (const builder of ['BuildKit', 'classic'] as const) {
    for (const [name, each] of Object.entries(small)) {
      if (each.only !== undefined && builder === 'classic') continue;
      if (each.only === 'current' && kind === 'debian') continue;
      test.serial(sameSmall, kind, builder, name, each);
    }
    for (const sample of samples) {
      if (sample === modern && (kind === 'debian' || builder === 'classic')) continue;
      test.serial(sameSample, kind, builder, sample);
    }
  }
}
