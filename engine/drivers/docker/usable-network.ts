import type {EventSink} from '../../progress/events.js';
import type {BuildRequest} from '../driver.js';
import {callJson, statusOf} from './api.js';
import type {Daemon} from './daemon.js';

/**
 * The request with a network that the daemon has. One that was started without a bridge knows only `host` and `none`, and
 * would end every RUN of the default network with "network bridge not found". Never rejects: whatever else is wrong with
 * the daemon, the build says it better.
 */
export async function usableNetwork(
  daemon: Daemon,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
): Promise<BuildRequest> {
  // Podman has no network of that name, and needs none.
  if (request.network !== 'default' || /^Libpod\//i.test(daemon.ping.server ?? '')) return request;
  try {
    await callJson(daemon, 'GET', '/networks/bridge', signal);
    return request;
  } catch (error) {
    if (statusOf(error) !== 404) return request;
    events.emit({type: 'note', message: "the daemon has no bridge network: RUN uses the machine's own (host)"});
    return {...request, network: 'host'};
  }
}
