import type {TarMember} from './case.js';
import {defaultMtime} from './case.js';

const types = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
} as const;

/** A tar (ustar with pax records) of exactly these headers. */
export function tarOf(members: readonly TarMember[]): Buffer {
  const parts = members.flatMap((member) => {
    const records = Object.entries(member.pax ?? {}).map(([key, value]) => paxRecord(key, value));
    const pax = Buffer.from(records.join(''), 'latin1');
    return [...(pax.length > 0 ? block({name: 'pax', type: 'file'}, pax, 'x') : []), ...memberBlocks(member)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function memberBlocks(member: TarMember): Buffer[] {
  return block(member, Buffer.from(member.content ?? ''), types[member.type ?? 'file']);
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

function block(member: TarMember, content: Buffer, type: string): Buffer[] {
  const header = Buffer.alloc(512);
  const text = (at: number, value: string) => header.write(value, at, 'latin1');
  const octal = (at: number, width: number, value: number) =>
    text(at, `${value.toString(8).padStart(width - 1, '0')}\0`);
  text(0, member.name);
  octal(100, 8, member.mode ?? (type === '5' ? 0o755 : 0o644));
  octal(108, 8, member.uid ?? 0);
  octal(116, 8, member.gid ?? 0);
  octal(124, 12, content.length);
  octal(136, 12, member.mtime ?? defaultMtime);
  text(156, type);
  text(157, member.link ?? '');
  text(257, 'ustar\x0000');
  octal(329, 8, member.device?.[0] ?? 0);
  octal(337, 8, member.device?.[1] ?? 0);
  header.fill(' ', 148, 156);
  octal(
    148,
    7,
    header.reduce((sum, byte) => sum + byte, 0),
  );
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}
