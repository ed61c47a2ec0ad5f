import {createHash} from 'node:crypto';
import {lstatSync, readdirSync, readFileSync, readlinkSync, type Stats} from 'node:fs';
import {syscalls} from '../../../engine/base/syscalls.js';

/** Times after this are the build's own. 2024-01-01. */
const recent = 1_704_067_200;

/** Names as text: bytes that are no UTF-8 (and control characters) as `\xNN`. */
function shown(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  const text = bytes.toString('utf8');
  const plain = !text.includes('\uFFFD') ? text : latin1.replace(/[\x80-\xff]/g, hex);
  return plain.replace(/[\0-\x1f\x7f]/g, hex);
}
const hex = (char: string) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;

function typeOf(stats: Stats): string {
  if (stats.isDirectory()) return 'dir';
  if (stats.isSymbolicLink()) return 'link';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isCharacterDevice()) return 'char';
  if (stats.isBlockDevice()) return 'block';
  return stats.isSocket() ? 'socket' : 'file';
}

/**
 * What is below `root`, a line for each path in byte order: path, type, mode, owner, what it holds, its time (`now` for one
 * of the build itself), extended attributes. `leave` names what is not listed.
 */
export function listTree(root: string, leave: ReadonlySet<string> = new Set()): string[] {
  const lines: string[] = [];
  const inodes = new Map<string, string>();
  const visit = (directory: string) => {
    const names = readdirSync(Buffer.from(`${root}/${directory}`, 'latin1'), {encoding: 'latin1'}).sort();
    for (const name of names) {
      const raw = `${directory}${name}`;
      if (leave.has(raw)) continue;
      const path = Buffer.from(`${root}/${raw}`, 'latin1');
      const stats = lstatSync(path);
      lines.push(line(raw, path, stats, inodes));
      if (stats.isDirectory()) visit(`${raw}/`);
    }
  };
  visit('');
  return lines;
}

function line(raw: string, path: Buffer, stats: Stats, inodes: Map<string, string>): string {
  const type = typeOf(stats);
  const words = [shown(raw), type, (stats.mode & 0o7777).toString(8).padStart(4, '0'), `${stats.uid}:${stats.gid}`];
  if (type === 'link') words.push(`-> ${shown(readlinkSync(path, {encoding: 'latin1'}))}`);
  else if (type === 'file') {
    words.push(`${stats.size}:${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`);
  } else if (type === 'char' || type === 'block') words.push(`rdev=${stats.rdev}`);
  if (type !== 'dir' && stats.nlink > 1) {
    const first = inodes.get(String(stats.ino));
    if (first === undefined) inodes.set(String(stats.ino), shown(raw));
    else words.push(`= ${first}`);
  }
  const seconds = Math.floor(stats.mtimeMs / 1000);
  words.push(seconds > recent ? 'now' : `@${seconds}`);
  for (const name of [...syscalls().listXattrs(path)].sort()) {
    if (name === 'security.selinux') continue;
    words.push(`${name}=${syscalls().getXattr(path, name)?.toString('base64') ?? ''}`);
  }
  return words.join(' ');
}
