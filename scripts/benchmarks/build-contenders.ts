import {execFileSync, type ExecFileSyncOptionsWithStringEncoding} from 'node:child_process';
import {existsSync, mkdtempSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Workload} from './build-workloads.js';

export const checkout = fileURLToPath(new URL('../../../', import.meta.url));
/** What users run. */
const program = join(checkout, 'dist/bundle/cli/build-image');

export type Command = readonly string[];

/** What is compared, and what it needs: a store and a daemon that both have the base image, and the base's files. */
export interface Contenders {
  ours(workload: Workload, context: string): Command;
  docker(workload: Workload, context: string): Command;
  /** Undefined where a bare chroot cannot be had: who is not root. */
  bare(workload: Workload, context: string): Command | undefined;
  close(): void;
}

const daemonDirectory = (root: string): string => join(root, 'dockerd');

/** Ends the daemon that was started for the benchmark, however far its start has come. */
export function stopDaemon(root: string): void {
  const directory = daemonDirectory(root);
  if (existsSync(directory)) answers(join(checkout, 'scripts/dockerd'), ['stop', '--dir', directory]);
}

const say = (text: string): void => console.error(`bench: ${text}`);
const quiet = {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']} satisfies ExecFileSyncOptionsWithStringEncoding;

function answers(command: string, args: Command): boolean {
  try {
    execFileSync(command, args, quiet);
    return true;
  } catch {
    return false;
  }
}

/** A newer client may lie in front of Debian's, without the buildx that it needs. */
const clients = ['docker', '/usr/bin/docker'];

/** Throws where no client builds with BuildKit: to be faster than the classic builder says nothing. */
function clientWithBuildKit(root: string): string {
  const context = mkdtempSync(join(root, 'scratch-'));
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
  const found = clients.find((client) => answers(client, ['build', '--quiet', context]));
  if (found === undefined) throw new Error('no docker client builds with BuildKit here: apt-get install docker.io');
  return found;
}

/** BENCH_STORE names a store that has the base; else one is made below `root`, as is a daemon where none answers. */
export function prepareContenders(root: string, base: string): Contenders {
  const ours = (...args: Command) => execFileSync(program, args, quiet);
  const daemon = daemonDirectory(root);
  process.env['DOCKER_BUILDKIT'] = '1';
  const own = !clients.some((client) => answers(client, ['version']));
  if (own) {
    say('no daemon answers: starting one');
    const started = execFileSync(join(checkout, 'scripts/dockerd'), ['start', '--dir', daemon], quiet);
    process.env['DOCKER_HOST'] = started.trim().slice('DOCKER_HOST='.length);
  }
  const docker = clientWithBuildKit(root);
  const store = process.env['BENCH_STORE'] ?? join(root, 'store');
  if (!existsSync(join(store, 'tags'))) {
    say(`making ${base} in a store of its own`);
    ours('base', '--if-missing', '--driver', 'embedded', '--root', store, base);
  }
  if (!answers(docker, ['image', 'inspect', base])) {
    say(`making ${base} in the daemon`);
    ours('base', '--if-missing', '--driver', 'docker', base);
  }
  const tree = join(root, 'base');
  const mayChroot = process.geteuid?.() === 0;
  if (mayChroot) {
    const context = mkdtempSync(join(root, 'empty-'));
    const options = ['--driver', 'embedded', '--root', store, '--no-artifacts', '--quiet'];
    execFileSync('sh', ['-c', `printf 'FROM ${base}\\n' >"$1/Dockerfile"`, 'sh', context]);
    ours('build', context, ...options, '--output', `type=local,dest=${tree}`);
  }
  const cold = ({before}: Workload) => (before === 'cold' ? ['--no-cache'] : []);

  return {
    ours(workload, context) {
      const output = workload.oci === true ? ['--output', `type=oci,dest=${join(root, 'ours.tar')}`] : [];
      const options = ['--driver', 'embedded', '--root', store, '--network', 'host', '--quiet', '--no-artifacts'];
      return [program, 'build', context, ...options, '-t', 'bench:ours', ...cold(workload), ...output];
    },
    docker(workload, context) {
      const run = [docker, 'build', '--quiet', '--network=host', '-t', 'bench:docker', ...cold(workload), context];
      if (workload.oci !== true) return run;
      return ['sh', '-ec', dockerLayers, docker, join(root, 'saved'), ...run];
    },
    bare(workload, context) {
      return mayChroot && workload.before !== 'same'
        ? ['bash', '-c', bareScript(workload), 'bash', root, context]
        : undefined;
    },
    close() {
      answers(docker, ['image', 'rm', '-f', 'bench:docker']);
    },
  };
}

/**
 * The daemons of Debian write no OCI layout, and this is their nearest: `docker save`, then gzip at the level of BuildKit for the
 * layers that the steps made, side by side; the base's is left as it is.
 */
const dockerLayers = `out=$1; shift
"$@" >/dev/null
rm -rf "$out"; mkdir "$out"
"$0" save bench:docker | tar -xC "$out"
cd "$out"
grep -o '"Layers":\\[[^]]*' manifest.json | grep -o '[^"]*/[^"]*' | tail -n +2 | xargs -r -P 2 -n 1 gzip -6`;

/** The steps of the workload in overlays of the base, and nothing else. */
function bareScript({bare}: Workload): string {
  return `set -e
# What is a directory here may be none in the base.
unset TMPDIR
root_=$1; context=$2; work=$(mktemp -d "$1/bare-XXXX"); out=$work/out
trap 'status=$?; [ $status = 0 ] || tail -n 20 "$work/log" >&2; umount "$work"/*/merged 2>/dev/null; rm -rf "$work"; exit $status' EXIT
overlay() {
  mkdir -p "$work/$1/upper" "$work/$1/work" "$work/$1/merged"
  mount -t overlay overlay -o "lowerdir=$root_/base,upperdir=$work/$1/upper,workdir=$work/$1/work,volatile" "$work/$1/merged"
  # An image has no devices; in a container they are mounted.
  mknod -m 666 "$work/$1/merged/dev/null" c 1 3; mknod -m 666 "$work/$1/merged/dev/urandom" c 1 9
}
overlay 1; overlay 2
root=$work/1/merged second=$work/2/merged upper=$work/1/upper
{
${bare}
} >"$work/log" 2>&1`;
}
