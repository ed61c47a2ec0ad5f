export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'character-device' | 'block-device' | 'socket';

const formatBits = 0o170000;
const types: Readonly<Record<number, FileType>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
  0o010000: 'fifo',
  0o020000: 'character-device',
  0o060000: 'block-device',
  0o140000: 'socket',
};

/** By the bits of the type in a mode; undefined where it has none. */
export const fileType = (mode: number): FileType | undefined => types[mode & formatBits];

/** The same of what the system has answered. */
export const typeOf = ({mode}: {readonly mode: bigint}): FileType => fileType(Number(mode)) ?? 'file';
