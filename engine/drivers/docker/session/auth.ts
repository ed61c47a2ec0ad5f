import type {RegistryCredentials} from '../../../registry/credentials.js';
import {Auth} from '../wire/messages.js';
import type {Attachable} from './session.js';

// Docker Hub's registry answers under a name of its own; its credentials are kept under another.
const hubRegistries = new Set(['registry-1.docker.io', 'docker.io', 'index.docker.io']);

/** Credentials of exactly the host that the daemon asks for, and nothing where there are none. */
export function auth(credentials: (host: string) => Promise<RegistryCredentials | undefined>): Attachable {
  return (router) =>
    router.service(Auth, {
      async credentials({host}) {
        const found = await credentials(hubRegistries.has(host) ? 'index.docker.io' : host);
        if (found === undefined) return {};
        // An identity token travels as a secret without a user.
        if (found.identityToken !== undefined) return {secret: found.identityToken};
        return {username: found.username, secret: found.password};
      },
    });
}
