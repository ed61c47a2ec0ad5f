import {setImmediate} from 'node:timers/promises';
import {deviceOf} from '../base/device-number.js';
import {fileType} from '../base/file-type.js';
import type {ContextEntry} from './context.js';
import {DiskEntry} from './disk-entry.js';
import {useHelpers, type Helpers} from './helpers/helpers.js';
import {identityEach, numbersEach, type StatReply} from './helpers/jobs.js';
import type {IgnoreRule, IgnoreRules} from './ignore/ignore.js';
import {planWalk, type Ignored} from './plan-walk.js';
import {decodePath, rawBytes} from './raw-path.js';
import {changed, failed} from './unreadable.js';

/** Told about paths that are not sent. `descended`: what lies below a directory is reported too. */
export type IgnoredPath = {
  readonly path: string;
  readonly type: ContextEntry['type'];
  readonly size: number;
  readonly rule: IgnoreRule | undefined;
  readonly descended: boolean;
};

export interface WalkOptions {
  readonly rules: IgnoreRules;
  readonly onIgnored?: (ignored: IgnoredPath) => void;
}

type Planned = DiskEntry | Ignored;

/** Paths looked at before other work may run: about 4 ms. */
const batchPaths = 1024;
/** Batches after which threads gain more than their start costs. */
const worthThreads = 24;
/** Batches that are being looked at while one is used, where threads do it. */
const ahead = 4;

/**
 * Entries of the directory `root` (one character a byte, absolute), in batches, in the order of `planWalk`. Sockets are left out, as
 * every builder does, and a path that vanishes between being listed and being looked at. Large contexts take helper threads.
 */
export async function* walkDirectory(
  root: string,
  {rules, onIgnored}: WalkOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly DiskEntry[], void, undefined> {
  const plan = planWalk(root, rules, onIgnored !== undefined);
  const helpers = useHelpers();
  const assemble = assembler(onIgnored);
  const waiting: {readonly planned: readonly Planned[]; readonly reply: Promise<StatReply>}[] = [];
  let more = true;
  let batches = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      while (more && waiting.length < (helpers.ready() ? ahead : 1)) {
        const planned = take(plan, batchPaths);
        more = planned.length === batchPaths;
        if (planned.length > 0) waiting.push({planned, reply: look(helpers, root, planned)});
      }
      const first = waiting.shift();
      if (first === undefined) return;
      const reply = await first.reply;
      const entries = assemble(first.planned, reply);
      if (entries.length > 0) yield entries;
      if (more) {
        if (++batches === worthThreads) helpers.start();
        await setImmediate();
      }
    }
  } finally {
    helpers.release();
  }
}

function take<T>(from: Iterator<T>, most: number): T[] {
  const taken: T[] = [];
  while (taken.length < most) {
    const next = from.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

const look = (helpers: Helpers, root: string, planned: readonly Planned[]): Promise<StatReply> =>
  helpers.run({
    kind: 'stat',
    root,
    paths: planned.map((one) => (one instanceof DiskEntry ? one.raw : one.entry.raw)).join('\0'),
  });

/** Completes batch after batch: `lstat` has the last word on what a path is. */
function assembler(onIgnored: WalkOptions['onIgnored']) {
  /** A directory that is none any more: what was listed below it is gone with it. */
  let gone: string | undefined;
  return (planned: readonly Planned[], found: StatReply): DiskEntry[] => {
    const entries: DiskEntry[] = [];
    const links = new Map(found.links);
    const devices = new Map(found.devices);
    for (let index = 0; index < planned.length; index++) {
      const one = planned[index];
      if (one === undefined) break;
      const entry = one instanceof DiskEntry ? one : one.entry;
      if (found.failure?.index === index) throw failed(entry.path, found.failure);
      if (gone !== undefined && entry.raw.startsWith(gone)) continue;
      const at = index * numbersEach;
      const mode = found.numbers[at] ?? 0;
      const type = fileType(mode);
      if (entry.directory && type !== 'directory') gone = `${entry.raw}/`;
      if (type === undefined) continue;
      if (type === 'directory' && !entry.directory) throw changed(entry.path, 'became a directory');
      const size = type === 'file' ? (found.numbers[at + 2] ?? 0) : 0;
      if (entry !== one) {
        const {rule, descended} = one as Ignored;
        onIgnored?.({path: entry.path, type, size, rule, descended});
        continue;
      }
      if (type === 'socket') continue;
      entry.type = type;
      entry.mode = mode & 0o7777;
      entry.size = size;
      entry.mtime = found.numbers[at + 3] ?? 0;
      entry.found = found;
      entry.index = index;
      if (type === 'symlink') setLink(entry, links.get(index) ?? '');
      if (type === 'file' && (found.numbers[at + 1] ?? 1) > 1) {
        const identity = index * identityEach;
        entry.hardlink = `${found.identities[identity]}:${found.identities[identity + 1]}`;
      }
      if (devices.size > 0 && devices.has(index)) entry.device = deviceOf(devices.get(index) ?? 0n);
      entries.push(entry);
    }
    return entries;
  };
}

function setLink(entry: DiskEntry, target: string): void {
  entry.link = decodePath(target);
  if (entry.link.includes('\uFFFD')) entry.rawLink = rawBytes(target);
}
