import {execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {buffer} from 'node:stream/consumers';
import test from 'ava';
import {buildBusyboxBase} from '../helpers/busybox-base.js';
import {namesIn, workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, type DaemonKind} from '../helpers/daemon.js';
import {commandLines} from '../helpers/processes.js';

/** The value as it is and in the two encodings that logs and headers use. */
const forms = (value: string): readonly string[] => [
  value,
  Buffer.from(value).toString('base64').replace(/=+$/, ''),
  Buffer.from(value).toString('hex'),
  encodeURIComponent(value),
];

/** Every file below a directory, as one text. */
function everythingIn(directory: string): string {
  return readdirSync(directory, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

const nowhere = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const [file, variable, argument] = ['file', 'env', 'arg'].map(
      (name) => `${name}-${randomBytes(12).toString('hex')}`,
    ) as [string, string, string];
    const {cli, tag, root, store, temporary, run} = workshop(t, daemon, {
      Dockerfile: [
        '# syntax-free',
        `FROM ${base} AS one`,
        'RUN --mount=type=secret,id=file --mount=type=secret,id=variable \\',
        // Split over writes, and in the middle of a line, on both streams.
        '    cat /run/secrets/file /run/secrets/variable; cat /run/secrets/file >&2; \\',
        '    head -c 9 /run/secrets/file; sleep 0.3; dd if=/run/secrets/file bs=1 skip=9 2>/dev/null; \\',
        '    sha256sum /run/secrets/file > /sum',
        'ARG API_TOKEN=nothing',
        'RUN echo "the token is $API_TOKEN" && echo "$API_TOKEN" | sha256sum > /token',
        `FROM ${base}`,
        'COPY --from=one /sum /token /',
        '',
      ].join('\n'),
      'key.txt': file,
      '.dockerignore': 'key.txt\n',
    });
    const args = ['--driver', 'docker', '-t', tag, '--secret', 'id=file,src=key.txt', '--secret', 'id=variable,env=V'];
    const env = {V: variable, API_TOKEN: argument, BUILD_IMAGE_DEBUG: '1', DEBUG: '*'};
    let seen = '';
    let lines = '';
    for (const mode of ['plain', 'rawjson', 'quiet', 'auto']) {
      const built = await cli(
        [...args, '--build-arg', 'API_TOKEN', '--no-cache', '--progress', mode, '--json', '--metadata-file', 'm.json'],
        {env, onProgress: (_, pid) => (lines += commandLines(pid))},
      );
      t.is(built.status, 0, built.stderr);
      if (mode === 'plain') t.regex(built.stderr, /the token is \*+/);
      seen += built.stdout + built.stderr;
    }
    // A terminal of its own.
    const shown = join(root, '..', 'typescript');
    execFileSync(
      'script',
      [
        '-qec',
        `node ${process.cwd()}/dist/engine/cli/main.js ${args.join(' ')} --no-cache --build-arg API_TOKEN`,
        shown,
      ],
      {
        cwd: root,
        env: {
          ...process.env,
          ...env,
          DOCKER_HOST: `unix://${daemon.socket}`,
          BUILD_IMAGE_ROOT: store,
          TMPDIR: temporary,
          TERM: 'xterm',
        },
        stdio: 'ignore',
      },
    );
    seen += readFileSync(shown, 'latin1');
    t.regex(readFileSync(shown, 'latin1'), /RUN/, 'the live view was shown');
    const failed = await cli([...args, '-f', '-', '--progress', 'plain', '--build-arg', 'API_TOKEN', '.'], {
      env,
      stdin: `FROM ${base}\nARG API_TOKEN\nRUN --mount=type=secret,id=file cat /run/secrets/file; echo "$API_TOKEN"; exit 9 # ${run}\n`,
    });
    t.is(failed.status, 1, failed.stderr);
    seen += failed.stderr;
    for (const command of ['plan', 'check']) {
      const said = await cli([command, '--json', '--build-arg', 'API_TOKEN'], {env});
      seen += said.stdout + said.stderr;
      const people = await cli([command, '--build-arg', 'API_TOKEN'], {env});
      seen += people.stdout + people.stderr;
    }
    const image = daemon.docker.getImage(tag);
    const [saved, history, inspected] = await Promise.all([
      image.get().then((stream) => buffer(stream)),
      image.history() as Promise<unknown>,
      image.inspect(),
    ]);
    const places = {
      'the output': seen,
      'the image': saved.toString('latin1'),
      'its history': JSON.stringify(history),
      'its config': JSON.stringify(inspected),
      'the metadata': readFileSync(join(root, 'm.json'), 'latin1'),
      'the store': everythingIn(store),
      'the command lines': lines,
    };
    t.true(places['the store'].length > 100);
    t.true(lines.includes('API_TOKEN'));
    for (const [place, text] of Object.entries(places)) {
      for (const [name, value] of Object.entries({file, variable, argument})) {
        for (const form of forms(value)) t.false(text.includes(form), `the ${name} secret is in ${place}`);
      }
    }
    t.deepEqual(namesIn(temporary), []);
  },
  title: (_, kind) => `secret values appear nowhere (${kind} daemon)`,
});
test.serial(nowhere, 'debian');
test.serial(nowhere, 'current');

test('a secret that comes through a pipe reaches every step that asks for it, and is hidden', async (t) => {
  const {cli, root} = workshop(t, undefined, {
    'app/Dockerfile': `FROM t/base\n${'RUN --mount=type=secret,id=s cat /run/secrets/s; echo "=$(wc -c < /run/secrets/s)"\n'.repeat(2)}`,
  });
  const base = await buildBusyboxBase(cli, join(root, 'base'));
  t.is(base.status, 0, base.stderr);
  const build = (src: string) => ['--no-compose', '--driver', 'embedded', 'app', '--secret', `id=s,src=${src}`];
  const shell = 'mkfifo pipe; printf from-the-pipe > pipe & exec "$0" "$@"';
  const {status, stderr} = await cli(build('pipe'), {prefix: ['sh', '-c', shell]});
  t.is(status, 0, stderr);
  t.is(stderr.match(/\*\*\*=13$/gm)?.length, 2, stderr);
  t.notRegex(stderr, /from-the-pipe/);
  for (const [src, why] of [
    ['/dev/zero', /is neither a file nor a pipe/],
    ['app', /is neither a file nor a pipe/],
    ['large', /has more than the 500 KiB/],
  ] as const) {
    writeFileSync(join(root, 'large'), 'x'.repeat(600_000));
    const refused = await cli(build(src));
    t.is(refused.status, 2, refused.stderr);
    t.regex(refused.stderr, why);
  }
});
