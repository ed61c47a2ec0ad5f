import {readFileSync, readlinkSync} from 'node:fs';

/** Pids of `pid` and all below it, but for what is not yet another program than what it was started by: it shares its memory. */
function family(pid: number): readonly number[] {
  const found = [pid];
  const commandOf = (one: number): string => readFileSync(`/proc/${one}/cmdline`, 'latin1');
  for (const one of found) {
    try {
      const own = commandOf(one);
      const children = readFileSync(`/proc/${one}/task/${one}/children`, 'utf8');
      for (const child of children.split(' ').filter(Boolean).map(Number))
        if (commandOf(child) !== own) found.push(child);
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
