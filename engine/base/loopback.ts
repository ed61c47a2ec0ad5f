import {isIPv4} from 'node:net';

/** True for `localhost`, 127.0.0.0/8 and `[::1]`, whatever the port. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}
