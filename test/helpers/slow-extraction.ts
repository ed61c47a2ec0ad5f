import {setTimeout as sleep} from 'node:timers/promises';
import {extractArtifacts} from '../../engine/artifacts/extract.js';
import {parseArtifactPattern} from '../../engine/artifacts/pattern.js';

// Takes out a file that never ends, into the directory that is given, until it is killed.
const directory = process.argv[2] ?? '';
const header = Buffer.alloc(512);
header.write('out/big.bin\0', 0, 'latin1');
header.write('0000644\0', 100, 'latin1');
header.write('77777777777\0', 124, 'latin1');
header.write('0        ', 156, 'latin1');
header.write('ustar\x0000', 257, 'latin1');
header.write('        ', 148, 'latin1');
header.write(
  `${header
    .reduce((sum, byte) => sum + byte, 0)
    .toString(8)
    .padStart(6, '0')}\0 `,
  148,
  'latin1',
);
await extractArtifacts({
  readTree: async function* () {
    yield header;
    for (;;) {
      yield Buffer.alloc(1024, 1);
      await sleep(5);
    }
  },
  sources: [{stage: 0, stageName: 'builder', path: '/out', patterns: [parseArtifactPattern('*.bin')]}],
  directory,
  signal: new AbortController().signal,
});
