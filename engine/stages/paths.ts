import {posix} from 'node:path';

/** `path` from the root, `.` and `..` resolved, no final slash (but `/`). Never above the root. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(`/${path}`);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}

/** `path` as an instruction in `workdir` means it. */
export function resolvePath(workdir: string, path: string): string {
  return cleanPath(path.startsWith('/') ? path : `${workdir}/${path}`);
}

/** Destination of COPY and ADD: absolute; a final slash (also that of `.`) says that it is a directory. */
export function resolveDestination(workdir: string, destination: string): string {
  const path = resolvePath(workdir, destination);
  const directory = destination === '' || /(?:^|\/)\.?$/.test(destination);
  return directory && path !== '/' ? `${path}/` : path;
}
