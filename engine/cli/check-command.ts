import {excerpt} from '../base/format-error.js';
import {visible} from '../base/visible.js';
import type {Warning} from '../dockerfile/ast.js';
import {count} from '../progress/format.js';
import type {BuildFlags} from './build-options.js';
import {openJob} from './open-job.js';
import type {Terminal} from './terminal.js';

/**
 * `build-image check`, `build --check`: the problems that do not stop a build, each with its place. Exit status 1 where
 * there is one, as `docker build --check` has it; a Dockerfile that cannot be built at all is an error.
 */
export async function checkCommand(
  path: string | undefined,
  flags: BuildFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const job = await openJob(path, flags, terminal, signal);
  try {
    const {warnings, dockerfile} = job.plan;
    if (flags.json === true) {
      const rows = warnings.map(({rule, message, line, url}) => ({rule, line, message, url: url ?? null}));
      terminal.answer(`${JSON.stringify({dockerfile: dockerfile.file, warnings: rows}, null, 2)}\n`);
    } else {
      for (const warning of warnings) terminal.answer(renderWarning(warning, dockerfile.file, dockerfile.text));
      terminal.answer(
        warnings.length === 0
          ? `${dockerfile.file}: no problems found\n`
          : `${dockerfile.file}: ${count(warnings.length, 'problem')} found\n`,
      );
    }
    return warnings.length === 0 ? 0 : 1;
  } finally {
    await job.close();
  }
}

function renderWarning({rule, message, line, range, url}: Warning, file: string, source: string): string {
  const head = `${rule}: ${line > 0 ? `${file}:${line}: ` : ''}${message}`;
  const parts = [head, ...(range === undefined ? [] : [excerpt(source, range)]), ...(url === undefined ? [] : [url])];
  return visible(`${parts.join('\n')}\n\n`);
}
