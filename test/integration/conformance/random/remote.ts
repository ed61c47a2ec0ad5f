import {createHash} from 'node:crypto';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {gzipSync} from 'node:zlib';
import {tarOf} from '../tar.js';
import type {Scene} from './scene.js';

/** Stands for the address of `serveFiles` in a case. */
export const address = 'http://files.example';

const text = 'served\n';
const archive = tarOf([
  {name: 'd/', type: 'directory', mode: 0o750, uid: 3, gid: 4},
  {name: 'd/f', content: 'f\n', mode: 0o640, uid: 5},
  {name: 'l', type: 'symlink', link: 'd/f'},
]);
const modified = 'Fri, 09 Feb 2001 10:11:12 GMT';

interface Answer {
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
}

/** By path, without what follows `?`. */
const answers: Readonly<Record<string, Answer>> = {
  '/f': {body: text, headers: {'last-modified': modified}},
  '/plain': {body: text},
  '/d/e.txt': {body: text, headers: {'last-modified': modified, etag: '"e"'}},
  '/d/': {body: text},
  '/': {body: text},
  '/named': {body: text, headers: {'content-disposition': 'attachment; filename="other.txt"'}},
  '/sp%20ace': {body: text},
  '/%C3%BC': {body: text},
  '/a%2Fb': {body: text},
  '/a.tar': {body: archive, headers: {'last-modified': modified}},
  '/a.tgz': {body: gzipSync(archive)},
  '/moved': {body: '', status: 302, headers: {location: '/d/e.txt'}},
  '/gone': {body: 'gone\n', status: 404},
  '/broken': {body: 'broken\n', status: 500},
  '/badtime': {body: text, headers: {'last-modified': 'yesterday'}},
  '/empty': {body: ''},
};

/** Serves the files on a port of its own; `url` takes the place of `address`. */
export async function serveFiles(): Promise<{readonly url: string; readonly server: Server}> {
  const server = createServer(({url = '/'}, response) => {
    const {body, headers = {}, status = 200} = answers[url.split('?')[0] ?? '/'] ?? {body: '', status: 404};
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server};
}

const good = [
  '/f',
  '/f',
  '/plain',
  '/d/e.txt',
  '/named',
  '/a.tar',
  '/a.tgz',
  '/moved',
  '/empty',
  '/f?a=b',
  '/f#part',
  '/badtime',
];
const odd = ['/sp%20ace', '/%C3%BC', '/d/', '/', '', '/a%2Fb', '/f/', '//f', '/d/../f'];
const bad = ['/gone', '/broken'];
const checksum = `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** An ADD of one or two addresses, with the flags that are for them. */
export function remoteAdd(scene: Scene, flags: readonly string[], destination: string): string {
  const {dice, bold} = scene;
  const path = (): string => dice.pick(bold && dice.oneIn(3) ? bad : dice.oneIn(4) ? odd : good);
  const own = flags.filter((flag) => !flag.startsWith('--exclude'));
  if (dice.oneIn(5)) own.push(`--checksum=${dice.oneIn(bold ? 2 : 20) ? checksum.replace(/\w$/, '0') : checksum}`);
  const sources = dice.many(1, dice.oneIn(6) ? 2 : 1, () => `${address}${path()}`);
  const slash = sources.length > 1 && !destination.endsWith('/') ? '/' : '';
  return ['ADD', ...own, ...sources, `${destination}${slash}`].join(' ');
}
