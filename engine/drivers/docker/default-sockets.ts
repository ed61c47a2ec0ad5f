import {join} from 'node:path';

/** Where a daemon may listen that nobody named. */
export function defaultSocketPaths(environment: ReadonlyMap<string, string>): readonly string[] {
  const runtime = environment.get('XDG_RUNTIME_DIR') ?? '';
  return [
    '/var/run/docker.sock',
    ...(runtime === '' ? [] : [join(runtime, 'docker.sock'), join(runtime, 'podman/podman.sock')]),
    '/run/podman/podman.sock',
  ];
}
