import type {BigIntStats} from 'node:fs';

/** What is asked of a file that is copied. */
export type FileStats = Pick<
  BigIntStats,
  'dev' | 'ino' | 'mode' | 'nlink' | 'uid' | 'gid' | 'rdev' | 'size' | 'mtimeNs' | 'ctimeNs'
>;

/** Without the rest of Node's answer, dates above all: that takes three times the space, and many are kept. */
export function fileStats(stats: BigIntStats): FileStats {
  const {dev, ino, mode, nlink, uid, gid, rdev, size, mtimeNs, ctimeNs} = stats;
  return {dev, ino, mode, nlink, uid, gid, rdev, size, mtimeNs, ctimeNs};
}

const formatBits = 0o170000n;

export const isDirectory = ({mode}: Pick<FileStats, 'mode'>): boolean => (mode & formatBits) === 0o040000n;
export const isLink = ({mode}: Pick<FileStats, 'mode'>): boolean => (mode & formatBits) === 0o120000n;
export const isFile = ({mode}: Pick<FileStats, 'mode'>): boolean => (mode & formatBits) === 0o100000n;
