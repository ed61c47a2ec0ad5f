import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, normalize} from 'node:path';

export interface Programs {
  /** Files that are started by themselves, and the command line, which `--version` does not load. */
  readonly launched: readonly string[];
  /** Scripts of worker threads. */
  readonly threads: readonly string[];
  /** What `main.js` itself needs. */
  readonly front: string;
}

/** The programs among the compiled files below `engine`, by their paths in it: whatever `new URL(…, import.meta.url)` names. */
export function findPrograms(engine: string): Programs {
  const launched = new Set(['cli/program.js']);
  const threads = new Set<string>();
  for (const file of readdirSync(engine, {recursive: true, encoding: 'utf8'})) {
    if (!file.endsWith('.js')) continue;
    const text = readFileSync(join(engine, file), 'utf8');
    for (const [, worker, name] of text.matchAll(/(new Worker\()?new URL\('([^']+\.js)', import\.meta\.url\)/g)) {
      (worker === undefined ? launched : threads).add(normalize(join(dirname(file), name ?? '')));
    }
  }
  return {launched: [...launched].sort(), threads: [...threads].sort(), front: 'cli/main.js'};
}
