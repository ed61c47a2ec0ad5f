import {realpathSync} from 'node:fs';
import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {mountsBelow, unmountAll} from '../store/mounts.js';
import {formatOwner, lifeOf, parseOwner, thisOwner} from '../store/owner.js';

const prefix = '.making-';

/** A directory to make a base in; those of runs that were killed are removed, with what they left mounted. */
export async function makingDirectory(directory: string): Promise<string> {
  for (const name of await readdir(directory)) {
    const owner = name.startsWith(prefix) ? parseOwner(name.slice(prefix.length, name.lastIndexOf('_'))) : undefined;
    if (owner === undefined || lifeOf(owner) !== 'dead') continue;
    const path = realpathSync(join(directory, name));
    unmountAll(mountsBelow(path));
    // Never into what is still mounted: those are the devices of the machine.
    if (mountsBelow(path).length === 0) await rm(path, {recursive: true, force: true}).catch(() => undefined);
  }
  return mkdtemp(join(directory, `${prefix}${formatOwner(thisOwner())}_`));
}
