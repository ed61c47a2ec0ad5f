import {readdirSync, readFileSync} from 'node:fs';

/** Ids of the other processes of this machine whose arguments or environment have `text`. */
export function processesWith(text: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => ['cmdline', 'environ'].some((file) => read(`/proc/${name}/${file}`).includes(text)))
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
