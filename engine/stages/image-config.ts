import type {ContainerConfig, HealthConfig} from '../oci/config.js';
import type {Command, StatementOf} from '../dockerfile/ast.js';

export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const defaultShell = ['/bin/sh', '-c'];

/** `NAME=value` -> both; a name without `=` has the empty value. */
export function splitPair(pair: string): readonly [string, string] {
  const at = pair.indexOf('=');
  return at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}

/** `Env` with one value set, in its old place where the name is there already. */
export function withEnv(config: ContainerConfig, name: string, value: string): ContainerConfig {
  const env = [...(config.Env ?? [])];
  const at = env.findIndex((pair) => splitPair(pair)[0] === name);
  if (at === -1) env.push(`${name}=${value}`);
  else env[at] = `${name}=${value}`;
  return {...config, Env: env};
}

/** `config` without one key. */
export function without(config: ContainerConfig, key: keyof ContainerConfig): ContainerConfig {
  return Object.fromEntries(Object.entries(config).filter(([name]) => name !== key));
}

/** What is executed: the shell's words before a shell-form command, or the JSON form as it stands. */
export function commandLine(config: ContainerConfig, command: Command): readonly string[] {
  if (!command.shell) return command.argv;
  const shell = config.Shell !== undefined && config.Shell.length > 0 ? config.Shell : defaultShell;
  return [...shell, command.argv.join(' ')];
}

/** Keys sorted, as they are written into the image. */
export function withKeys(
  keys: Readonly<Record<string, Record<string, never>>> | undefined,
  added: readonly string[],
): Readonly<Record<string, Record<string, never>>> {
  const all = [...new Set([...Object.keys(keys ?? {}), ...added])].sort();
  return Object.fromEntries(all.map((key) => [key, {}]));
}

/** HEALTHCHECK as the image holds it (durations in nanoseconds, 0 left out). */
export function healthConfig(statement: StatementOf<'healthcheck'>): HealthConfig {
  const {test, interval, timeout, startPeriod, startInterval, retries} = statement;
  return {
    Test: test === undefined ? ['NONE'] : test.shell ? ['CMD-SHELL', ...test.argv] : ['CMD', ...test.argv],
    ...(interval === 0 ? {} : {Interval: interval}),
    ...(timeout === 0 ? {} : {Timeout: timeout}),
    ...(startPeriod === 0 ? {} : {StartPeriod: startPeriod}),
    ...(startInterval === 0 ? {} : {StartInterval: startInterval}),
    ...(retries === 0 ? {} : {Retries: retries}),
  };
}
