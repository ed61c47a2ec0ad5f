import {create, type MessageInitShape} from '@bufbuild/protobuf';
import {Code, ConnectError} from '@connectrpc/connect';
import {messageOf} from '../../../base/errors.js';
import type {ContextEntry} from '../../../context/context.js';
import {FileSync, type Packet, PacketSchema} from '../wire/messages.js';
import {selectEntries, type Selection, selectionFrom} from './selection.js';
import {type Attachable, rawHeaders} from './session.js';

/** Files that the daemon may ask for under one name. */
export interface FileTree {
  walk(signal: AbortSignal): AsyncIterable<ContextEntry>;
  open(entry: ContextEntry): AsyncIterable<Uint8Array>;
  /** A small file at once, where that is quicker than a stream. */
  readNow?(entry: ContextEntry): Uint8Array;
  /** The directory on disk; undefined where there is none, and so no symlinks to follow. */
  readonly root: string | undefined;
}

// fsutil: PacketType
const statPacket = 0;
const requestPacket = 1;
const dataPacket = 2;
const finPacket = 3;
const errorPacket = 4;

/** Files up to this size, in bytes, are read ahead, a few at a time: opening them is what takes the time. */
const smallBytes = 128 * 1024;
const readAhead = 16;

/**
 * Sends the trees by name. Only files that the daemon has not from an earlier build are asked for, by their size, mode
 * and time. `failed` is told why a transfer broke on this side.
 */
export function fileSync(trees: ReadonlyMap<string, FileTree>, failed: (error: unknown) => void): Attachable {
  return (router) =>
    router.service(FileSync, {
      async *diffCopy(packets, context) {
        const headers = context.values.get(rawHeaders);
        const name = headers.get('dir-name')?.[0] ?? '';
        const tree = trees.get(name);
        if (tree === undefined) throw new ConnectError(`no directory ${name}`, Code.NotFound);
        try {
          const selection = selectionFrom(headers);
          const walked = wantsRules(selection) ? nothing() : tree.walk(context.signal);
          yield* sendTree(tree, selectEntries(walked, selection, tree.root), packets, context.signal);
        } catch (error) {
          if (!context.signal.aborted) failed(error);
          throw new ConnectError(messageOf(error), Code.Internal);
        }
      },
    });
}

/**
 * The frontend reads the ignore file to apply its rules itself. They are applied already, and may be those of another
 * file, so it finds none.
 */
function wantsRules({follow, include}: Selection): boolean {
  return include.length === 0 && follow.length === 1 && follow[0] === '.dockerignore';
}

async function* nothing(): AsyncGenerator<never> {
  // No entries.
}

/** fsutil's side of the sender: every entry's metadata in order, then the content of the files that are asked for. */
async function* sendTree(
  tree: FileTree,
  walked: AsyncIterable<ContextEntry>,
  packets: AsyncIterable<Packet>,
  signal: AbortSignal,
): AsyncGenerator<MessageInitShape<typeof PacketSchema>> {
  const requests = readRequests(packets);
  const entries: ContextEntry[] = [];
  const firstOf = new Map<string, Buffer>();
  for await (const entry of walked) {
    const stat = statOf(entry, firstOf);
    if (stat === undefined) continue;
    entries.push(entry);
    yield create(PacketSchema, {type: statPacket, stat});
  }
  yield create(PacketSchema, {type: statPacket});

  const pending: {id: number; content: AsyncIterable<Uint8Array>}[] = [];
  const take = (): void => {
    while (pending.length < readAhead) {
      const id = requests.next();
      if (id === undefined) return;
      const entry = entries[id];
      if (entry?.type !== 'file') throw new Error(`the daemon asked for the content of entry ${id}, which is no file`);
      pending.push({id, content: contentOf(tree, entry)});
    }
  };
  for (;;) {
    signal.throwIfAborted();
    take();
    const file = pending.shift();
    if (file === undefined) {
      if (!(await requests.more())) break;
      continue;
    }
    for await (const data of file.content) {
      take();
      if (data.length > 0) yield create(PacketSchema, {type: dataPacket, id: file.id, data});
    }
    yield create(PacketSchema, {type: dataPacket, id: file.id});
  }
  yield create(PacketSchema, {type: finPacket});
}

function contentOf(tree: FileTree, entry: ContextEntry): AsyncIterable<Uint8Array> {
  if (entry.size > smallBytes) return tree.open(entry);
  return tree.readNow === undefined ? readAlready(tree.open(entry)) : inItsTurn(() => tree.readNow?.(entry));
}

async function* inItsTurn(read: () => Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  const content = read();
  if (content !== undefined) yield await Promise.resolve(content);
}

/** Reads at once, so that the wait for several files passes side by side. An error waits for its reader. */
function readAlready(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const chunks = (async () => {
    const read: Uint8Array[] = [];
    for await (const chunk of content) read.push(chunk);
    return read;
  })();
  chunks.catch(() => undefined);
  return (async function* () {
    yield* await chunks;
  })();
}

interface Requests {
  /** The next file that was asked for, as far as one was. */
  next(): number | undefined;
  /** Waits for one. False when the daemon has all it wants; rejects when it gave up. */
  more(): Promise<boolean>;
}

// Read all the time: a daemon that cannot place its requests stops taking metadata.
function readRequests(packets: AsyncIterable<Packet>): Requests {
  const asked: number[] = [];
  // Counted up instead of shifted, which moves all the others: a context may have hundreds of thousands of files.
  let taken = 0;
  let finished = false;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  const read = async (): Promise<void> => {
    try {
      for await (const packet of packets) {
        if (packet.type === requestPacket) asked.push(packet.id);
        else if (packet.type === errorPacket) throw new Error(Buffer.from(packet.data).toString());
        else if (packet.type === finPacket) break;
        wake?.();
      }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    finished = true;
    wake?.();
  };
  void read();
  return {
    next: () => (taken < asked.length ? asked[taken++] : undefined),
    async more() {
      while (taken === asked.length && !finished) await new Promise<void>((resolve) => (wake = resolve));
      if (failure !== undefined) throw failure;
      return taken < asked.length;
    },
  };
}

// Go's os.FileMode
const modeBits: Readonly<Record<ContextEntry['type'], number>> = {
  file: 0,
  directory: 2 ** 31,
  symlink: 2 ** 27,
  'block-device': 2 ** 26,
  'character-device': 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
};

function goMode(entry: ContextEntry): number {
  const special =
    (entry.mode & 0o4000 ? 2 ** 23 : 0) + (entry.mode & 0o2000 ? 2 ** 22 : 0) + (entry.mode & 0o1000 ? 2 ** 20 : 0);
  return modeBits[entry.type] + special + (entry.mode & 0o777);
}

/** Undefined for what an image cannot hold: sockets. Owner and group are always 0, as the docker client has it. */
function statOf(entry: ContextEntry, firstOf: Map<string, Buffer>): MessageInitShape<typeof PacketSchema>['stat'] {
  if (entry.type === 'socket') return undefined;
  const first = entry.hardlink === undefined ? undefined : firstOf.get(entry.hardlink);
  if (entry.hardlink !== undefined && first === undefined) firstOf.set(entry.hardlink, entry.rawPath);
  const linkname = first ?? (entry.link === undefined ? undefined : Buffer.from(entry.link));
  return {
    path: entry.rawPath,
    mode: goMode(entry),
    size: first === undefined ? BigInt(entry.size) : 0n,
    modTime: entry.mtimeNs,
    ...(linkname !== undefined && {linkname}),
    ...(entry.device !== undefined && {devmajor: BigInt(entry.device[0]), devminor: BigInt(entry.device[1])}),
  };
}
