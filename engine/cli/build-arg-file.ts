import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import {BuildError, hasErrno, quote} from '../base/errors.js';
import type {BuildArgument} from '../job/settings.js';
import {splitOnce} from './comma-fields.js';

/**
 * `--build-arg-file`: NAME=VALUE lines, `#` comments, empty lines; the value is taken as it stands, without quotes or
 * expansion (the format of `docker run --env-file`). NAME alone takes the environment's value.
 */
export async function readBuildArgFile(
  path: string,
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<BuildArgument[]> {
  const source = (await readText(path, directory, signal)).replace(/^\ufeff/, '');
  const args: BuildArgument[] = [];
  for (const [index, raw] of source.split(/\r?\n/).entries()) {
    const line = raw.trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const [name, value] = splitOnce(line, '=');
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
      throw new BuildError('BUILD_ARG_INVALID', `not NAME=VALUE: ${quote(line)}`, {
        file: path,
        source,
        range: {start: index + 1, end: index + 1},
      });
    }
    const given = value ?? environment[name];
    if (given !== undefined) args.push({name, value: given, origin: 'build-arg-file'});
  }
  return args;
}

async function readText(path: string, directory: string, signal: AbortSignal): Promise<string> {
  try {
    return await readFile(resolve(directory, path), {encoding: 'utf8', signal});
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EISDIR', 'EACCES', 'ENOTDIR')) {
      throw new BuildError('USAGE', `--build-arg-file ${path} cannot be read (${error.code ?? ''})`, {cause: error});
    }
    throw error;
  }
}
