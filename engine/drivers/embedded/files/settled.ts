import type {FileStats} from './file-stats.js';

/** Nanoseconds: coarser than the clocks of all file systems. */
const settled = 2_000_000_000n;

/** Whether a file's times tell a later write apart: they lie long enough before `now` (nanoseconds since 1970). */
export const isSettled = ({mtimeNs, ctimeNs}: FileStats, now: bigint): boolean =>
  now - mtimeNs > settled && now - ctimeNs > settled;

/** In nanoseconds since 1970. */
export const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
