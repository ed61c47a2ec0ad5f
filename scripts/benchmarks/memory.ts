import {readFileSync, readlinkSync} from 'node:fs';

/** Pids of `pid` and all below it. */
function family(pid: number): readonly number[] {
  const found = [pid];
  for (const one of found) {
    try {
      const children = readFileSync(`/proc/${one}/task/${one}/children`, 'utf8');
      found.push(...children.split(' ').filter(Boolean).map(Number));
    } catch {
      // it has ended
    }
  }
  return found;
}

/** Watches what `pid` starts. `stop` gives the sum of the peaks of its Node processes (the front, the executor), in MiB. */
export function watchMemory(pid: number): {readonly stop: () => number} {
  const peaks = new Map<number, number>();
  const look = (): void => {
    for (const one of family(pid)) {
      try {
        if (readlinkSync(`/proc/${one}/exe`) !== process.execPath) continue;
        const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'));
        peaks.set(one, Math.max(peaks.get(one) ?? 0, Number(peak?.[1] ?? 0) / 1024));
      } catch {
        // it has ended
      }
    }
  };
  const timer = setInterval(look, 10);
  return {
    stop() {
      clearInterval(timer);
      return [...peaks.values()].reduce((sum, each) => sum + each, 0);
    },
  };
}
