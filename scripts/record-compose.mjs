// Rewrites the expectations of test/fixtures/compose/*.json from a real Docker Compose:
//   node scripts/record-compose.mjs [--work DIR] [--] COMMAND...   (default: docker compose)
// COMMAND runs a shell script given as its last argument's path (`sh SCRIPT`), so that it may enter a chroot.
import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';

const argv = process.argv.slice(2);
const workAt = argv[0] === '--work' ? argv.splice(0, 2)[1] : tmpdir();
if (argv[0] === '--') argv.shift();
const fixtures = 'test/fixtures/compose';
const quote = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Runs every case in one shell, which is quicker where the command enters a chroot. */
function run(cases, work) {
  const lines = cases.map(({files, environment = {}, directory = '.', arguments: args = []}, index) => {
    const project = join(work, String(index), 'project');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(project, path)), {recursive: true});
      writeFileSync(join(project, path), text);
    }
    const variables = Object.entries(environment).map(([name, value]) => quote(`${name}=${value}`));
    const out = join(work, String(index));
    return [
      `cd ${quote(join(project, directory))} && env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin ${variables.join(' ')}`,
      `docker compose ${args.map(quote).join(' ')} config --format json >${quote(out)}/out 2>${quote(out)}/err`,
      `; echo $? >${quote(out)}/status`,
    ].join(' ');
  });
  const script = join(work, 'run.sh');
  writeFileSync(script, `${lines.join('\n')}\n`);
  const [program, ...rest] = [...argv, 'sh', script];
  execFileSync(program, rest, {stdio: 'inherit'});
  return cases.map((_, index) => {
    const out = join(work, String(index));
    const read = (name) => readFileSync(join(out, name), 'utf8');
    const unset = [...read('err').matchAll(/The \\"(\w+)\\" variable is not set/g)].map((match) => match[1]);
    if (read('status').trim() !== '0') return {refused: true};
    const web = shown(JSON.parse(read('out')), out).services?.web;
    if (web === undefined) return {};
    const {build, image, platform} = web;
    return {web: {build, image, platform}, ...(unset.length > 0 && {unset: [...new Set(unset)].sort()})};
  });
}

/** `config` prints `$` as `$$`; directories of this run are no facts. */
function shown(value, out) {
  if (typeof value === 'string') {
    return value.replaceAll('$$', '$').replaceAll(join(out, 'project'), '<project>').replaceAll(out, '<parent>');
  }
  if (Array.isArray(value)) return value.map((item) => shown(item, out));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [shown(key, out), shown(item, out)]));
}

for (const file of readdirSync(fixtures).filter((name) => name.endsWith('.json'))) {
  const path = join(fixtures, file);
  const cases = JSON.parse(readFileSync(path, 'utf8'));
  const work = mkdtempSync(join(workAt, 'record-compose-'));
  try {
    const results = run(cases, work);
    const recorded = cases.map(({name, files, environment, directory, arguments: args}, index) => ({
      ...{name, files, environment, directory, arguments: args},
      expected: results[index],
    }));
    writeFileSync(path, `[\n${recorded.map((item) => JSON.stringify(item)).join(',\n')}\n]\n`);
  } finally {
    rmSync(work, {recursive: true, force: true});
  }
}
