import {readdirSync, readFileSync} from 'node:fs';
import {join, relative, sep} from 'node:path';
import test from 'ava';

const ranks = new Map(
  [
    ['base'],
    ['oci'],
    ['progress', 'dockerfile', 'context', 'compose', 'store'],
    ['stages', 'snapshot', 'registry', 'bases'],
    ['plan'],
    ['drivers'],
    ['artifacts', 'delivery'],
    ['job', 'compare'],
    ['experiment'],
    ['report'],
    ['cli', 'index.ts'],
  ].flatMap((rooms, rank) => rooms.map((room): [string, number] => [room, rank])),
);

const sources = readdirSync('engine', {recursive: true, encoding: 'utf8'}).filter((file) => file.endsWith('.ts'));

interface Import {
  readonly file: string;
  readonly target: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join('engine', file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  return specifiers
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => ({file, target: relative('engine', join('engine', file, '..', specifier))}));
}

const roomOf = (path: string) => path.split(sep)[0] ?? '';
const imports = sources.flatMap(importsOf);

test('every source file belongs to a room that has a rank', (t) => {
  t.true(sources.length > 0);
  t.deepEqual(
    [...new Set(sources.map(roomOf))].filter((room) => !ranks.has(room)),
    [],
  );
});

test('a room imports only from itself and from rooms of a lower rank', (t) => {
  const upward = imports.filter(({file, target}) => {
    const [from, to] = [roomOf(file), roomOf(target)];
    return from !== to && (ranks.get(to) ?? Infinity) >= (ranks.get(from) ?? -1);
  });
  t.deepEqual(upward, []);
});

test('the drivers never import each other', (t) => {
  const driverOf = (path: string) => (roomOf(path) === 'drivers' ? path.split(sep)[1] : undefined);
  const across = imports.filter(({file, target}) => {
    const [from, to] = [driverOf(file), driverOf(target)];
    return from !== undefined && to !== undefined && to !== 'driver.ts' && to !== 'driver.js' && from !== to;
  });
  t.deepEqual(across, []);
});

test('only the command line reads the environment of the process or prints', (t) => {
  const offenders = sources
    .filter((file) => roomOf(file) !== 'cli')
    // How a Node process of ours was started, and will be, and which proxies there are: nobody else has to know.
    .filter((file) => ![join('base', 'authorities.ts'), join('base', 'http-agent.ts')].includes(file))
    .filter((file) => /process\.(env|stdout|stderr|argv)\b|console\./.test(readFileSync(join('engine', file), 'utf8')));
  t.deepEqual(offenders, []);
});

test('no source file of the engine holds more than 400 lines', (t) => {
  const long = sources.filter((file) => readFileSync(join('engine', file), 'utf8').split('\n').length > 401);
  t.deepEqual(long, []);
});
