import {BuildError} from '../base/errors.js';

const protocols = ['tcp', 'udp', 'sctp'];
const highest = 65_535;

function portNumber(text: string): number | undefined {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  return value <= highest ? value : undefined;
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
  const container = address.slice(address.lastIndexOf(':') + 1);
  const [low = '', high = low, ...beyond] = container.split('-');
  const [start, end] = [portNumber(low), portNumber(high)];
  if (start === undefined || end === undefined || beyond.length > 0) throw fail(`a port is a number up to ${highest}`);
  if (end < start) throw fail('the range ends before it starts');
  return Array.from({length: end - start + 1}, (_, index) => `${start + index}/${protocol}`);
}
