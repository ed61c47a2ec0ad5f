import {heredocTransfer} from './heredoc.js';
import {remoteAdd} from './remote.js';
import {likelyPlace, type Scene} from './scene.js';
import {contextSource, stageSource} from './sources.js';
import {shellWord} from './words.js';

const destinations = [
  '/',
  '/x',
  '/x/',
  '/x/d/',
  '/srv/data',
  '/srv/link',
  '/srv/link/',
  '/srv/empty/',
  '/srv/data/deep/',
];
const more = [
  ...['/new/deep/dir', '/new/deep/dir/', 'rel', 'rel/', '.', './', '../up', '/w/y/..', '/etc/app/.', '$V', '/${V:-n}/'],
  ...[
    '/x/../y/',
    '//x//y',
    '..',
    '/srv/data/..',
    '/srv/link/../l',
    '/srv/./data/',
    '/srv/hard1',
    '/srv/setuid',
    '/tmp/l/',
  ],
  ...[
    '/tmp/l',
    '/home/alice/',
    '/out',
    '/a b/',
    '~/',
    '/${V}/',
    '$HOME/',
    '/srv/empty',
    '/w/',
    '/srv/link/n/',
    'C:\\x\\',
  ],
];
const owners = [
  '1000',
  '5:6',
  'alice',
  'bob:audio',
  ':50',
  'alice:staff',
  '0',
  'root:root',
  '1001:alice',
  '${V:-7}',
  'alice:1',
  ':audio',
];
const modes = ['0755', '600', '4711', '0', '1777', '${M:-640}', '00644', '7777', '444'];
const symbolic = [
  ...[
    'u=rwX,go=rX',
    'a+x',
    'go-rwx',
    '+x',
    'u+s',
    'g=u',
    'a=,u+r',
    'o+t',
    'ug+rw,o-w',
    'u=g',
    'go=',
    '=r',
    'a-x,a+X',
    '+t',
  ],
  ...['u+rwxs,g+s', 'o=u-w', 'a=rw', 'g+s', 'u-s', '-w', '+w', 'u=rwx,g=rx,o=', 'ugo+X', '${M:-a+r}'],
];
const wrong = [
  ...[
    '--chmod=rwx',
    '--chown=nobodyknows',
    '--chown=1:nogroup',
    '--chmod=99',
    '--magic',
    '--chown',
    '--from=9',
    '--chmod=+q',
  ],
  ...[
    '--chmod=12345',
    '--chmod=',
    '--chown=',
    '--link=x',
    '--exclude',
    '--from=nostage',
    '--chmod=u',
    '--chmod=u+',
    '--chown=a:b:c',
  ],
  ...[
    '--chown=-1',
    '--chmod=-1',
    '--chown=5000000000',
    '--LINK',
    '--link --link',
    '--chown=1 --chown=2',
    '--from=',
    '--exclude=',
  ],
  ...[
    '--checksum=sha256:00',
    '--keep-git-dir',
    '--chmod=0o644',
    '--chmod=0644x',
    '--chown=1:',
    '--chown=:',
    '--exclude=[',
    '--',
  ],
];

/** One COPY or ADD. */
export function transfer(scene: Scene): string {
  const {dice, syntax, bold, sources: stages} = scene;
  const keyword = dice.oneIn(4) ? 'ADD' : 'COPY';
  const from = keyword === 'COPY' && stages.length > 0 && dice.oneIn(2) ? dice.pick(stages) : undefined;
  const flags = transferFlags(scene, keyword);
  if (from !== undefined) flags.push(`--from=${from}`);
  if (syntax === 'current' && dice.oneIn(10)) return heredocTransfer(scene, keyword, flags);
  if (syntax === 'current' && keyword === 'ADD' && dice.oneIn(6)) {
    return remoteAdd(scene, flags, dice.pick(destinations));
  }
  const source = (): string => (from === undefined ? contextSource(scene) : stageSource(scene, from));
  const sources = dice.many(1, dice.oneIn(3) ? 4 : 1, source);
  if (dice.oneIn(40)) sources.push(sources[0] ?? '.');
  let destination = dice.pick(dice.oneIn(2) ? destinations : more);
  // In an empty stage an old frontend makes a file of it.
  if (syntax === 'old' && destination.endsWith('/.')) destination += '/';
  if (dice.oneIn(12)) destination = likelyPlace(scene);
  // Files there take one file only.
  if (/^\/(?:srv\/(?:hard1|setuid)|etc\/app\/one.conf|srv\/data\/a)$/.test(destination) && !dice.oneIn(bold ? 2 : 6))
    destination = '/new/';
  // Several sources want a directory; now and then they do not get one.
  if (sources.length > 1 && !destination.endsWith('/') && !dice.oneIn(bold ? 4 : 30)) destination += '/';
  const words = [...sources, destination];
  const head = [keyword, ...flags].join(' ');
  const plain = words.map((word) => spelled(scene, word));
  if (plain.includes(undefined) || dice.oneIn(8)) return `${head} ${jsonWords(scene, words)}`;
  return `${head} ${plain.join(dice.oneIn(12) ? dice.pick(['  ', '\t', ' \\\n  ']) : ' ')}`;
}

/** BuildKit takes the bytes of a flag for characters, so that only ASCII stands for itself there. */
const plain = (word: string): boolean => shellWord(word) !== undefined && /^[\x21-\x7e]*$/.test(word);

/** A path as one shell word, with quotes where it needs them and now and then where it does not. */
function spelled({dice}: Scene, word: string): string | undefined {
  const plain = shellWord(word);
  if (plain === undefined) return dice.oneIn(3) && !/["\\$\s]/.test(word) && word !== '' ? `"${word}"` : undefined;
  return dice.oneIn(20)
    ? dice.pick([`"${plain}"`, plain.includes('$') ? plain : `'${plain}'`, `${plain.slice(0, 1)}"${plain.slice(1)}"`])
    : plain;
}

function jsonWords({dice}: Scene, words: readonly string[]): string {
  const json = JSON.stringify(words);
  return dice.oneIn(6) ? json.replaceAll('","', dice.pick(['" , "', '",\t"', '", \\\n "'])) : json;
}

function transferFlags(scene: Scene, keyword: string): string[] {
  const {dice, syntax, bold} = scene;
  const flags: string[] = [];
  // Frontends of old want a passwd for a name; with a mode they keep special bits, and do not give it to parents that they make.
  // What is in an archive keeps its owner there.
  const archives =
    keyword === 'ADD' && Object.values(scene.context).some((node) => typeof node !== 'string' && 'tar' in node);
  if (dice.oneIn(4) && !(syntax === 'old' && archives))
    flags.push(`--chown=${dice.pick(syntax === 'current' ? owners : owners.slice(0, 2))}`);
  if (syntax === 'current' && dice.oneIn(5)) flags.push(`--chmod=${dice.pick(dice.oneIn(2) ? symbolic : modes)}`);
  if (dice.oneIn(bold ? 12 : 600))
    flags.push(dice.pick(syntax === 'current' ? wrong : wrong.filter((one) => !one.startsWith('--chmod'))));
  if (syntax === 'old') return flags;
  if (dice.oneIn(5)) flags.push(dice.pick(['--link', '--link', '--link=true', '--link=false', '--link=TRUE']));
  if (dice.oneIn(6)) flags.push(...excludes(scene));
  if (keyword === 'ADD' && dice.oneIn(6)) flags.push(dice.pick(['--unpack=false', '--unpack=true', '--unpack']));
  return dice.oneIn(3) ? flags.reverse() : flags;
}

function excludes({dice, context}: Scene): string[] {
  // With --exclude BuildKit wants links at the top of a context to lead somewhere, though it copies them as they are.
  const links = Object.entries(context).some(
    ([path, node]) => !path.includes('/') && typeof node !== 'string' && 'link' in node,
  );
  if (links) return [];
  const path = dice.pick([...Object.keys(context), 'a']);
  const name = path.split('/').at(-1) ?? 'a';
  const choices = [
    name,
    `**/${name}`,
    '*',
    '*.md',
    'sub',
    '**/d',
    'd/*',
    `!${name || 'x'}`,
    path,
    `/${path}`,
    '**',
    `${path}/`,
    '$V',
    'c',
    'data',
    '*/b',
    './a',
    '**/*.txt',
    '[a-c]*',
  ];
  return dice.many(1, 3, () => `--exclude=${dice.pick(choices.filter(plain))}`);
}
