import {BuildError, quote} from '../base/errors.js';

const remedy = 'Write PORT, PORT/udp or FIRST-LAST/tcp, with ports from 0 to 65535.';

function bad(word: string, problem: string): BuildError {
  return new BuildError('DOCKERFILE_INSTRUCTION', `EXPOSE ${quote(word)}: ${problem}`, {remedy});
}

function problemOf(word: string, text: string): string {
  if (text === '') return 'no port is given';
  return text === word ? 'this is no port or range of ports' : `${quote(text)} is no port or range of ports`;
}

function range(word: string, text: string): readonly [number, number] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) throw bad(word, problemOf(word, text));
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first > 65535 || last > 65535) throw bad(word, 'a port is larger than 65535');
  if (last < first) throw bad(word, 'the range ends before it starts');
  return [first, last];
}

/**
 * `8008` -> `8008/tcp`; `90-92/udp` -> three ports. A host part (`127.0.0.1:80:8008`, `80:8008`) is accepted and dropped,
 * as BuildKit does. Throws BuildError DOCKERFILE_INSTRUCTION.
 */
export function exposedPorts(word: string): readonly string[] {
  const parts = word.split(':');
  const container = parts.at(-1) ?? '';
  const slash = container.indexOf('/');
  const protocol = slash === -1 ? 'tcp' : container.slice(slash + 1).toLowerCase() || 'tcp';
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) {
    throw bad(word, `${quote(protocol)} is no protocol: tcp, udp and sctp are`);
  }
  const [first, last] = range(word, slash === -1 ? container : container.slice(0, slash));
  const host = parts.length > 1 ? (parts.at(-2) ?? '') : '';
  if (host !== '') {
    const [hostFirst, hostLast] = range(word, host);
    if (last !== first && last - first !== hostLast - hostFirst) throw bad(word, 'the two ranges differ in length');
  }
  return Array.from({length: last - first + 1}, (_, index) => `${first + index}/${protocol}`);
}
