import {readdirSync, readFileSync} from 'node:fs';

/** Process ids of this machine whose command line or environment has `text`. */
export function processesWith(text: string): readonly number[] {
  const has = (path: string): boolean => {
    try {
      return readFileSync(path, 'utf8').includes(text);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => has(`/proc/${name}/cmdline`))
    .map(Number);
}
