import {isIP} from 'node:net';
import {BuildError} from '../base/errors.js';

const protocols = ['tcp', 'udp', 'sctp'];
const highest = 65_535;

function portNumber(text: string): number | undefined {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  return value <= highest ? value : undefined;
}

/** First and last of `80` or `8000-8010`, or what is wrong with it. */
function portRange(text: string): readonly [first: number, last: number] | string {
  const [low = '', high = low, ...beyond] = text.split('-');
  const [first, last] = [portNumber(low), portNumber(high)];
  if (first === undefined || last === undefined || beyond.length > 0) return `a port is a number up to ${highest}`;
  return last < first ? 'the range ends before it starts' : [first, last];
}

/**
 * Ports of one expanded word of EXPOSE as the image configuration has them: `80` is `80/tcp`, `8000-8002/udp` three ports.
 * An address or a host port before the last colon is left out (check ExposeInvalidFormat). Throws BuildError
 * DOCKERFILE_INSTRUCTION; the caller adds the range.
 */
export function parsePorts(word: string): readonly string[] {
  const fail = (problem: string) =>
    new BuildError('DOCKERFILE_INSTRUCTION', `EXPOSE takes no port "${word}": ${problem}`, {
      remedy: 'For example: EXPOSE 8080, EXPOSE 53/udp or EXPOSE 8000-8010/tcp',
    });
  const [address = '', given = '', ...more] = word.split('/');
  const protocol = given === '' ? 'tcp' : given.toLowerCase();
  if (address === '') throw fail('the number is missing');
  if (more.length > 0 || !protocols.includes(protocol)) throw fail(`the protocol is ${protocols.join(', ')}`);
  const parts = address.split(':');
  const container = portRange(parts.at(-1) ?? '');
  if (typeof container === 'string') throw fail(container);
  const [start, end] = container;
  const host = parts.at(-2) ?? '';
  if (host !== '') {
    const range = portRange(host);
    if (typeof range === 'string') throw fail(`of the host port, ${range}`);
    if (end > start && range[1] - range[0] !== end - start) throw fail('the ranges of host and container differ');
  }
  const ip = parts
    .slice(0, -2)
    .join(':')
    .replace(/^\[(.*)\]$/, '$1');
  if (ip !== '' && isIP(ip) === 0) throw fail(`"${ip}" is no address`);
  return Array.from({length: end - start + 1}, (_, index) => `${start + index}/${protocol}`);
}
