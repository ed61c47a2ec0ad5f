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
    .filter((name) => has(`/proc/${name}/cmdline`) || has(`/proc/${name}/environ`))
    .map(Number);
}

/** Arguments of the process and of all that it started. */
export function commandLines(pid: number): string {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    const parent = Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${name}/status`))?.[1] ?? -1);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const all = (each: number): string =>
    [read(`/proc/${each}/cmdline`), ...(children.get(each) ?? []).map(all)].join('\n');
  return all(pid);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The process has ended.
    return '';
  }
}
