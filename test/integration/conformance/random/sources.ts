import {likelyPlace, places, type Scene} from './scene.js';

/** A path or pattern of the context. */
export function contextSource({dice, context, bold}: Scene): string {
  // What an ignore file may hide is named by what holds it.
  if ('.dockerignore' in context && !dice.oneIn(bold ? 2 : 8))
    return dice.pick(['.', './', '*', '/', '?*', '**', '[a-z]*']);
  // A path with a line's end or a tab in it cannot be asked of a client.
  const paths = Object.keys(context).filter((one) => !/[\n\t]/.test(one) && (bold || !/['"\\$]/.test(one)));
  const path = dice.pick([...paths, '.']).replaceAll(/\\x[0-9a-f]{2}/g, '?');
  const parts = path.split('/');
  const parent = parts.slice(0, -1).join('/');
  const odd = bold || dice.oneIn(20);
  const node = context[path];
  const directory = node === undefined || (typeof node !== 'string' && 'directory' in node);
  return dice.weighed<string>([
    [10, () => path],
    [3, () => parts[0] ?? path],
    [2, () => '.'],
    [1, () => dice.pick(['./', '/', './.', '*', '**', '/.', '*.*', '?', '[!a-b]*', '[^c]*'])],
    [odd || directory ? 1 : 0, () => `${path}/`],
    [1, () => `/${path}`],
    [1, () => `//${path}`],
    [2, () => (parent === '' ? '*' : `${parent}/*`)],
    [2, () => `${path.slice(0, 1)}*`],
    [1, () => `./${path}`],
    [1, () => (parts.length > 1 ? `*/${parts.slice(1).join('/')}` : '[a-d]*')],
    [1, () => (parts.length > 1 ? `${parts.slice(0, -1).join('/')}/../${parts.at(-2) ?? ''}` : `./${path}`)],
    [odd ? 1 : 0, () => `../${path}`],
    [odd ? 1 : 0, () => dice.pick(['missing', 'miss*', '', '/..', '..', 'a/missing', '$V', '[', 'x\\'])],
    [1, () => `${path.slice(0, -1)}?`],
    [
      1,
      () => (path.length > 1 && path.at(1) !== '/' ? `${path.slice(0, 1)}[${path.slice(1, 2)}]${path.slice(2)}` : path),
    ],
    [1, () => path.replaceAll(/[*?[\]\\]/g, '\\$&')],
    [odd || parts.length > 1 ? 1 : 0, () => `${parts[0] ?? ''}/.`],
    [1, () => '${N:-' + path + '}'],
  ]);
}

/** A path or pattern of what --from names: a stage or an image, or a further context. */
export function stageSource(scene: Scene, from: string): string {
  const {dice} = scene;
  if (from === 'extra')
    return dice.pick(['.', 'f', 'd', '/', 'd/', '*', 'd/*', './f', 'l', 'd/../f', dice.oneIn(8) ? 'no' : 'f']);
  return dice.weighed<string>([
    [10, () => likelyPlace(scene)],
    [scene.bold ? 2 : 0, () => dice.pick(places)],
    [
      4,
      () =>
        dice.pick([
          ...[
            '/srv/*',
            '/srv/d*',
            '/etc/app/*.conf',
            'srv/data/',
            '/srv/data/.',
            '/*/app',
            '/srv/?ard1',
            '/srv/data/*',
            '/srv/link/*',
          ],
          ...[
            '/etc/app/../passwd',
            '../../srv/data',
            '/srv/link/a',
            '/srv/link/deep',
            '/srv/[hs]*',
            '//srv//data',
            '/srv/*/deep',
          ],
          ...[
            '/srv/link/',
            '/srv/link/.',
            '/etc/',
            '/home',
            '/tmp/.',
            './srv',
            '/srv/data/../link',
            '/srv/**',
            '/s*/data/?',
          ],
        ]),
    ],
    [
      2,
      () =>
        dice.pick([
          '/tmp/*',
          '/etc',
          '/srv',
          '/w*',
          '/x/*',
          '/tmp/l*',
          '/new/*',
          '/d1/**',
          '/s*',
          scene.bold ? '$V' : '/out*',
        ]),
    ],
  ]);
}
