import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {gzipSync} from 'node:zlib';
import {syscalls} from '../../../engine/base/syscalls.js';
import {defaultMtime, type Node, type Tree} from './case.js';
import {tarOf} from './tar.js';

/** The bytes of a path that may hold `\xNN`. */
export function pathBytes(path: string): Buffer {
  const parts = path.split(/\\x([0-9a-f]{2})/);
  return Buffer.concat(parts.map((part, index) => (index % 2 === 1 ? Buffer.from(part, 'hex') : Buffer.from(part))));
}

/** Makes `tree` in the directory `root`, every time set, those of directories last. */
export function makeTree(root: string, tree: Tree): void {
  const at = (path: string) => Buffer.concat([Buffer.from(`${root}/`), pathBytes(path)]);
  for (const [path, node] of Object.entries(tree)) {
    const slash = path.lastIndexOf('/');
    if (slash > 0) makeParents(path.slice(0, slash), at);
    makeNode(at(path), node, at);
  }
  settleTimes(Buffer.from(root));
  // What a node says of itself wins.
  for (const [path, node] of Object.entries(tree).reverse()) {
    if (typeof node !== 'string' && 'mtime' in node) setTime(at(path), node.mtime);
  }
}

/** Directories of mode 0755, whatever the umask. */
function makeParents(path: string, at: (path: string) => Buffer): void {
  if (existsSync(at(path))) return;
  const slash = path.lastIndexOf('/');
  if (slash > 0) makeParents(path.slice(0, slash), at);
  mkdirSync(at(path));
  chmodSync(at(path), 0o755);
}

const setTime = (path: Buffer, seconds: number) => syscalls().setTimes(path, {seconds, nanoseconds: 0});

function settleTimes(path: Buffer): void {
  if (lstatSync(path).isDirectory()) {
    for (const name of readdirSync(path, {encoding: 'buffer'})) {
      settleTimes(Buffer.concat([path, Buffer.from('/'), name]));
    }
  }
  setTime(path, defaultMtime);
}

function makeNode(path: Buffer, node: Node, at: (path: string) => Buffer): void {
  if (typeof node === 'string') {
    writeFileSync(path, node);
    chmodSync(path, 0o644);
    return;
  }
  if ('hardlink' in node) {
    linkSync(at(node.hardlink), path);
    return;
  }
  if ('link' in node) {
    symlinkSync(pathBytes(node.link), path);
    return;
  }
  if ('directory' in node) {
    if (!existsSync(path)) mkdirSync(path);
  } else if ('fifo' in node) {
    syscalls().makeNode(path, constants.S_IFIFO | 0o600, 0, 0);
  } else if ('device' in node) {
    syscalls().makeNode(path, constants.S_IFCHR | 0o600, ...node.device);
  } else if ('sparse' in node) {
    const file = openSync(path, 'w');
    writeSync(file, 'the beginning\n');
    ftruncateSync(file, node.sparse);
    closeSync(file);
  } else if ('tar' in node) {
    const archive = tarOf(node.tar);
    writeFileSync(path, node.gzip === true ? gzipSync(archive) : archive);
  } else {
    writeFileSync(path, 'base64' in node ? Buffer.from(node.base64, 'base64') : node.content);
  }
  chmodSync(path, node.mode ?? ('directory' in node ? 0o755 : 0o644));
  for (const [name, value] of Object.entries(node.xattrs ?? {})) {
    syscalls().setXattr(path, name, Buffer.from(value));
  }
}
