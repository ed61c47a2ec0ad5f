import {lstatSync, readdirSync, readlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {rulesOfPatterns} from '../../../context/ignore/ignore.js';

const mostLinks = 10_000;

/**
 * The paths below `root` that `paths` lead to: each path itself (wild cards in it stay), every symlink that lies on the
 * way, and where those point, never outside `root` (BuildKit's fsutil: FollowLinks). `.` stands for everything.
 */
export function followLinks(root: string, paths: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const waiting = [...paths];
  for (let path = waiting.pop(); path !== undefined && found.size < mostLinks; path = waiting.pop()) {
    const parts = inRoot(path).split('/');
    let current = '';
    for (const [index, part] of parts.entries()) {
      current = current === '' ? part : `${current}/${part}`;
      const last = index === parts.length - 1;
      const targets = targetsOf(root, current);
      if (targets.length === 0 && !last) continue;
      if (found.has(current)) break;
      found.add(current);
      for (const target of targets) waiting.push(posix.join(target, ...parts.slice(index + 1)));
      if (targets.length > 0) break;
    }
  }
  return [...found].sort();
}

function inRoot(path: string): string {
  const clean = posix.join('/', path).slice(1).replace(/\/$/, '');
  return clean === '' ? '.' : clean;
}

/** Where `path` points if it is a symlink, or where every symlink points that its last component matches. */
function targetsOf(root: string, path: string): readonly string[] {
  const name = posix.basename(path);
  if (!/[*?[\\]/.test(name)) return linkOf(root, path);
  const directory = posix.dirname(path);
  const rule = rulesOfPatterns([name]);
  return namesIn(`${root}/${directory}`)
    .filter((candidate) => rule.ignores(candidate))
    .flatMap((candidate) => linkOf(root, posix.join(directory, candidate)));
}

function linkOf(root: string, path: string): readonly string[] {
  const absolute = `${root}/${path}`;
  try {
    if (lstatSync(absolute, {throwIfNoEntry: false})?.isSymbolicLink() !== true) return [];
    const target = readlinkSync(absolute);
    return [target.startsWith('/') ? target : posix.join(posix.dirname(path), target)];
  } catch {
    // What cannot be looked at is found by the walk, which says so.
    return [];
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
