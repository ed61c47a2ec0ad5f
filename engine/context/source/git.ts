import {spawn} from 'node:child_process';
import {rm} from 'node:fs/promises';
import {join} from 'node:path';
import {BuildError, hasErrno, quote} from '../../base/errors.js';
import {withoutPassword, type GitSource} from './git-url.js';

const mostOutput = 64 * 1024;

/**
 * Checks `source` out into the empty directory `root`; resolves to the commit's id. Rejects with GIT_FAILED, TOOL_MISSING or the
 * signal's reason.
 */
export async function checkOut(source: GitSource, root: string, signal: AbortSignal): Promise<string> {
  const git = (...args: readonly string[]) => runGit(root, args, source, signal);
  await git('init', '--quiet');
  await git('remote', 'add', 'origin', source.remote);
  const fetched = await fetchRef(git, source);
  await git('-c', 'advice.detachedHead=false', 'checkout', '--quiet', '--force', fetched);
  const commit = (await git('rev-parse', 'HEAD')).trim();
  if (source.checksum !== undefined && !commit.startsWith(source.checksum)) {
    throw new BuildError('GIT_FAILED', `${shown(source)} is at commit ${commit}, not at ${source.checksum}`, {
      remedy: 'The branch or tag was moved: check what changed, then name the new commit.',
    });
  }
  if (source.submodules) await git('submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1');
  if (!source.keepGit) await rm(join(root, '.git'), {recursive: true, force: true});
  return commit;
}

/** What to check out. */
async function fetchRef(git: (...args: readonly string[]) => Promise<string>, source: GitSource): Promise<string> {
  const ref = source.ref ?? source.checksum ?? 'HEAD';
  const fetchOne = (name: string) => git('fetch', '--quiet', '--depth=1', '--no-tags', '--force', '--', 'origin', name);
  try {
    await fetchOne(ref);
    return 'FETCH_HEAD';
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'GIT_FAILED' || !/^[0-9a-f]{7,64}$/.test(ref)) throw error;
  }
  // Not every server hands out a commit by its name, and none does by part of it: all of it then.
  await git('fetch', '--quiet', '--force', '--tags', '--', 'origin', '+refs/heads/*:refs/remotes/origin/*');
  return (await git('rev-parse', '--verify', `${ref}^{commit}`)).trim();
}

const shown = (source: GitSource): string =>
  `${quote(withoutPassword(source.remote))}${source.ref === undefined ? '' : ` (${source.ref})`}`;

/**
 * Runs git without a terminal and without questions. The variables that a surrounding git sets (in a hook) are taken away; hooks
 * of templates do not run.
 */
async function runGit(cwd: string, args: readonly string[], source: GitSource, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const unset = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX'].flatMap((name) => ['-u', name]);
  const settings = [
    '-c',
    'core.hooksPath=/dev/null',
    '-c',
    'protocol.ext.allow=never',
    '-c',
    'init.defaultBranch=main',
  ];
  // A session of its own: no terminal that ssh could ask on, and one group to end with all helpers.
  const child = spawn('env', [...unset, 'GIT_TERMINAL_PROMPT=0', 'LC_ALL=C', 'git', ...settings, ...args], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if (!hasErrno(error, 'ESRCH')) throw error;
    }
  };
  signal.addEventListener('abort', stop, {once: true});
  try {
    const [status, out, errors] = await Promise.all([
      new Promise<number | null>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', resolve);
      }),
      collect(child.stdout),
      collect(child.stderr),
    ]);
    signal.throwIfAborted();
    if (status === 0) return out;
    throw failure(status, errors, source);
  } catch (error) {
    signal.throwIfAborted();
    if (hasErrno(error, 'ENOENT')) throw new BuildError('TOOL_MISSING', 'git cannot be started', {cause: error});
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function failure(status: number | null, errors: string, source: GitSource): BuildError {
  if (status === 127) {
    return new BuildError('TOOL_MISSING', 'git is needed for a Git context and is not installed', {
      remedy: 'Install it (apt-get install git).',
    });
  }
  const said = errors
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const reason = said.find((line) => /^(?:fatal|error):/.test(line)) ?? said.at(-1) ?? `status ${String(status)}`;
  return new BuildError(
    'GIT_FAILED',
    `cannot fetch ${shown(source)}: ${reason.replace(/[a-z+]+:\/\/\S+/gi, withoutPassword)}`,
    {
      remedy:
        'Check the URL, the ref and that you may read the repository (git asks for no password here; set up a credential helper or ssh key).',
    },
  );
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of stream) if (text.length < mostOutput) text += chunk.toString('utf8');
  return text;
}
