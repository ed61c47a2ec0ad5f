import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, normalize} from 'node:path';

export interface Programs {
  /** The others that are started by themselves, and the command line, which `--version` does not load. */
  readonly launched: readonly string[];
  /** Of one file, without compiled code: scripts of worker threads, and the little that an executor does before it loads the rest. */
  readonly plain: readonly string[];
  /** What is started first; it loads the command line where that is needed. */
  readonly front: string;
}

/** The programs among the compiled files below `engine`, by their paths in it: whatever `new URL(…, import.meta.url)` names. */
export function findPrograms(engine: string): Programs {
  const launched = new Set(['cli/program.js']);
  const plain = new Set(['drivers/embedded/executor-of-root.js']);
  for (const file of readdirSync(engine, {recursive: true, encoding: 'utf8'})) {
    if (!file.endsWith('.js')) continue;
    const text = readFileSync(join(engine, file), 'utf8');
    for (const [, worker, name] of text.matchAll(/(new Worker\()?new URL\('([^']+\.js)', import\.meta\.url\)/g)) {
      const program = normalize(join(dirname(file), name ?? ''));
      (worker === undefined && !plain.has(program) ? launched : plain).add(program);
    }
  }
  return {launched: [...launched].sort(), plain: [...plain].sort(), front: 'cli/main.js'};
}
