// Rewrites the expectations of test/fixtures/compose/*.json from a real Docker Compose:
//   node dist/scripts/record-compose.js [--work DIR] [COMMAND...]
// COMMAND goes before `sh SCRIPT`, so that it may enter a chroot in which DIR is seen under the same path.
import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly arguments?: readonly string[];
}

const fixtures = 'test/fixtures/compose';
const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

function writeCase(project: string, files: Case['files']): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, path)), {recursive: true});
    writeFileSync(join(project, path), text);
  }
}

/** Runs every case in one shell, which is quicker where the command enters a chroot. */
function record(cases: readonly Case[], work: string, command: readonly string[]): readonly unknown[] {
  const lines = cases.map(({files, environment = {}, directory = '.', arguments: args = []}, index) => {
    const out = join(work, String(index));
    writeCase(join(out, 'project'), files);
    const variables = Object.entries(environment).map(([name, value]) => quote(`${name}=${value}`));
    return [
      `cd ${quote(join(out, 'project', directory))} &&`,
      `env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin ${variables.join(' ')}`,
      `docker compose ${args.map(quote).join(' ')} config --format json >${quote(out)}/out 2>${quote(out)}/err`,
      `; echo $? >${quote(out)}/status`,
    ].join(' ');
  });
  const script = join(work, 'run.sh');
  writeFileSync(script, `${lines.join('\n')}\n`);
  const [program, ...rest] = [...command, 'sh', script];
  execFileSync(program, rest, {stdio: 'inherit'});
  return cases.map((_, index) => result(join(work, String(index))));
}

function result(out: string): unknown {
  const read = (name: string): string => readFileSync(join(out, name), 'utf8');
  const unset = [...read('err').matchAll(/The \\"(\w+)\\" variable is not set/g)].map((match) => match[1] ?? '');
  if (read('status').trim() !== '0') return {refused: true};
  const project = shown(JSON.parse(read('out')), out) as {services?: Record<string, Record<string, unknown>>};
  const web = project.services?.['web'];
  if (web === undefined) return {};
  const {build, image, platform} = web;
  return {web: {build, image, platform}, ...(unset.length > 0 && {unset: [...new Set(unset)].sort()})};
}

/** `config` prints `$` as `$$`; directories of this run are no facts. */
function shown(value: unknown, out: string): unknown {
  if (typeof value === 'string') {
    return value.replaceAll('$$', '$').replaceAll(join(out, 'project'), '<project>').replaceAll(out, '<parent>');
  }
  if (Array.isArray(value)) return value.map((item) => shown(item, out));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [shown(key, out), shown(item, out)]));
}

const argv = process.argv.slice(2);
const workAt = argv[0] === '--work' ? argv.splice(0, 2)[1] : undefined;
for (const file of readdirSync(fixtures).filter((name) => name.endsWith('.json'))) {
  const path = join(fixtures, file);
  const cases = JSON.parse(readFileSync(path, 'utf8')) as readonly Case[];
  const work = mkdtempSync(join(workAt ?? tmpdir(), 'record-compose-'));
  try {
    const results = record(cases, work, argv);
    const recorded = cases.map(({name, files, environment, directory, arguments: args}, index) =>
      JSON.stringify({name, files, environment, directory, arguments: args, expected: results[index]}),
    );
    writeFileSync(path, `[\n${recorded.join(',\n')}\n]\n`);
  } finally {
    rmSync(work, {recursive: true, force: true});
  }
}
