import type {BigIntStats} from 'node:fs';
import type {Lstat} from '../../../base/lstat.js';

/** What is asked of a file that is copied. */
export type FileStats = Pick<
  BigIntStats,
  'dev' | 'ino' | 'mode' | 'nlink' | 'uid' | 'gid' | 'rdev' | 'size' | 'mtimeNs' | 'ctimeNs'
>;

/** Of the last look. */
export const fileStats = (stats: Lstat): FileStats => ({
  dev: stats.device,
  ino: stats.inode,
  mode: BigInt(stats.mode),
  nlink: BigInt(stats.links),
  uid: BigInt(stats.uid),
  gid: BigInt(stats.gid),
  rdev: stats.represented,
  size: BigInt(stats.size),
  mtimeNs: stats.modified,
  ctimeNs: stats.changed,
});

const formatBits = 0o170000n;

export const isDirectory = ({mode}: Pick<FileStats, 'mode'>): boolean => (mode & formatBits) === 0o040000n;
export const isLink = ({mode}: Pick<FileStats, 'mode'>): boolean => (mode & formatBits) === 0o120000n;
export const isFile = ({mode}: Pick<FileStats, 'mode'>): boolean => (mode & formatBits) === 0o100000n;
