import {join} from 'node:path';
import {execFileSync} from 'node:child_process';
import {gzipSync} from 'node:zlib';
import {archive, type Piece} from '../../helpers/archive.js';
import {fine, type LayoutParts, writeLayout} from './layout.js';
import {attack, type Attack, type Range} from './range.js';

const evil = {content: 'evil'};
const up = '../'.repeat(20);

/** A base image whose second layer is hostile, and a step over it. */
function layer(
  title: string,
  pieces: (range: Range) => readonly Piece[] | Buffer,
  ends: Attack['ends'],
  more: Partial<Attack> & {readonly parts?: Partial<LayoutParts>} = {},
): void {
  attack(`a base image's layer: ${title}`, (range) => {
    const made = pieces(range);
    const bytes = Buffer.isBuffer(made) ? made : archive(...made);
    const layout = join(range.beside, 'layout');
    writeLayout(layout, {layers: [fine, bytes], ...more.parts});
    return {
      dockerfile: 'FROM evil\nCOPY Dockerfile /probe\n',
      ends,
      ...more,
      args: ['--build-context', `evil=oci-layout://${layout}`, ...(more.args ?? [])],
    };
  });
}

layer(
  'dot-dot and a path of the host in a name',
  ({host}) => [{name: `${up}${host.slice(1)}/secret`, ...evil}],
  'contained',
);
layer('an absolute name of the host', ({host}) => [{name: `${host}/open`, ...evil}], 'contained');
layer(
  'a file through an absolute symlink to the host',
  ({host}) => [
    {name: 'l', type: 'symlink', link: host},
    {name: 'l/open', ...evil},
  ],
  'contained',
);
layer(
  'a file through a relative symlink that climbs out',
  ({host}) => [
    {name: 'l', type: 'symlink', link: `${up}${host.slice(1)}/dir`},
    {name: 'l/inner', ...evil},
  ],
  'contained',
);
layer(
  'a directory replaced by a symlink between two entries',
  ({host}) => [
    {name: 'd/'},
    {name: 'd/x', ...evil},
    {name: 'd', type: 'symlink', link: host},
    {name: 'd/open', ...evil},
  ],
  'contained',
);
layer(
  'a hard link to a file of the host, then written through',
  ({host}) => [
    {name: 'h', type: 'hardlink', link: `${host}/open`},
    {name: 'h', ...evil},
  ],
  'refused',
  {says: /hard link/},
);
layer(
  'a hard link through a symlink to the host',
  ({host}) => [
    {name: 'l', type: 'symlink', link: host},
    {name: 'h', type: 'hardlink', link: 'l/secret'},
  ],
  'refused',
);
layer('a whiteout aimed outside', ({host}) => [{name: `${up}${host.slice(1)}/.wh.open`}], 'contained');
layer(
  'a whiteout through a symlink to the host',
  ({host}) => [{name: 'l', type: 'symlink', link: host}, {name: 'l/.wh.open'}],
  'contained',
);
layer(
  'an opaque marker on the root, and one through a symlink',
  ({host}) => [{name: '.wh..wh..opq'}, {name: 'l', type: 'symlink', link: `${host}/dir`}, {name: 'l/.wh..wh..opq'}],
  'contained',
);
layer('a whiteout of dot-dot', () => [{name: 'dir/.wh...'}], 'refused');
layer(
  'attributes that steer the overlay to another directory',
  ({host}) => [{name: 'd/', xattrs: new Map([['trusted.overlay.redirect', Buffer.from(host)]])}],
  'refused',
);
layer('a name with a NUL byte', () => named('file\0/../../x'), 'refused', {says: /NUL/});
layer('a name with a line end and a path of the host', ({host}) => [{name: `a\n${host}/open`, ...evil}], 'contained');
layer('a name of 300 characters', () => [{name: 'n'.repeat(300)}], 'refused');
layer('a sparse file that claims a terabyte and more', () => sparse(), 'refused', {
  says: /more than 1099511627776 bytes/,
});
layer('an extended header of two gigabytes', () => pax(), 'refused', {says: /extended header/});
layer('an archive that is cut off', () => archive({name: 'f', content: 'x'.repeat(2000)}).subarray(0, 1500), 'refused');
layer('an owner that no system has', () => owner(), 'refused', {says: /out of range/});
layer('bytes that are no gzip', () => [{name: 'f'}], 'refused', {parts: {blobs: {1: Buffer.alloc(4096, 0x5a)}}});
layer('gzip whose content is not what the diff ID says', () => [{name: 'f'}], 'refused', {
  parts: {blobs: {1: gzipSync(archive({name: 'g', ...evil}))}},
});
layer(
  'a bomb: 300 MB of zeros in 300 kB behind the end of the archive',
  () => Buffer.concat([archive({name: 'f'}), Buffer.alloc(300 * 1024 * 1024)]),
  'contained',
);
layer('zstd with a window of two gigabytes', () => [{name: 'f'}], 'refused', {
  parts: {
    blobs: {1: Buffer.from('28b52ffd00a8', 'hex')},
    manifest: (manifest) => ({
      ...manifest,
      layers: (manifest['layers'] as Record<string, unknown>[]).map((one, index) =>
        index === 1 ? {...one, mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd'} : one,
      ),
    }),
  },
});
attack("a base image's layer: the node of a device of this machine, opened by RUN", ({beside}) => {
  const layout = join(beside, 'layout');
  const node = {name: 'node', type: 'character-device', major: 10, minor: 237, mode: 0o666} as const;
  const shell = execFileSync('cat', ['/bin/busybox'], {maxBuffer: 1 << 25});
  writeLayout(layout, {layers: [archive(node, {name: 'bin/sh', content: shell, mode: 0o755})]});
  return {
    dockerfile: 'FROM evil\nRUN if true < /node; then echo "OPEN""ED"; fi\n',
    args: ['--build-context', `evil=oci-layout://${layout}`],
    ends: 'either',
    says: /not permitted|denied/i,
    notSays: /OPENED/,
  };
});

function rechecked(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, Buffer.alloc(1024)]);
}

/** In a pax header: the field of the old header ends at a NUL. */
function named(name: string): Buffer {
  const [head] = [archive({name: 'p', content: record('path', name)})];
  const block = Buffer.from(head.subarray(0, 1024));
  block.write('x', 156);
  return Buffer.concat([rechecked(block).subarray(0, 1024), archive({name: 'f', ...evil})]);
}

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const length = rest.length + 2;
  return `${String(rest.length + String(length).length)}${rest}`;
}

function sparse(): Buffer {
  const block = Buffer.from(archive({name: 'f'}).subarray(0, 512));
  block.write('S', 156);
  block.write('ustar  \0', 257, 'latin1');
  block.write('77777777777', 483, 'latin1');
  // As base 256: 2^50 bytes.
  block.fill(0, 483, 495);
  block[483] = 0x80;
  block[488] = 0x04;
  return rechecked(block);
}

function pax(): Buffer {
  const block = Buffer.from(archive({name: 'f'}).subarray(0, 512));
  block.write('x', 156);
  block.write('17777777777', 124, 'latin1');
  return rechecked(block);
}

function owner(): Buffer {
  const block = Buffer.from(archive({name: 'f'}).subarray(0, 512));
  block.fill(0xff, 108, 116);
  block[108] = 0x80;
  return rechecked(block);
}
