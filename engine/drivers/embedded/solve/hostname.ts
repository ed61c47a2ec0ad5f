import type {BuildRequest} from '../../driver.js';
import {defaultHostname} from '../runtime/network-files.js';

/** The name of the machine that RUN sees: that of the build argument BUILDKIT_SANDBOX_HOSTNAME, else BuildKit's own. */
export const hostnameOf = ({buildArgs}: Pick<BuildRequest, 'buildArgs'>): string =>
  buildArgs.get('BUILDKIT_SANDBOX_HOSTNAME') || defaultHostname;
