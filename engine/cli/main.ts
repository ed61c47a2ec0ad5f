#!/usr/bin/env node
// Only what every call needs is imported here: `--version` must be nearly as fast as Node itself.
import {adoptAuthorities} from '../base/authorities.js';
import {systemTerminal} from './terminal.js';
import {version} from './version.js';

adoptAuthorities();
const argv = process.argv.slice(2);
const [first = 'build'] = argv;
if (first === '--version' || first === '-V') {
  process.stdout.on('error', () => process.exit(3));
  process.stdout.write(`build-image ${version()}\n`);
} else {
  void run().then((status) => {
    process.exitCode = status;
    // Nothing is left to do, and taking the heap apart takes longer than ending.
    if (process.getActiveResourcesInfo().length === 0) process.exit();
  });
}

async function run(): Promise<number> {
  const mayBuild = first === 'build' || /^[-./]/.test(first);
  if (!mayBuild) return (await import('./program.js')).main(argv);
  // A build that was made before, of the same files, is answered without what a build needs.
  const known = await (await import('./replay.js')).replay(argv);
  if (known !== undefined) return known;
  const early = (await import('./head-start.js')).headStart(argv, systemTerminal());
  try {
    return await (await import('./program.js')).main(argv, systemTerminal(early));
  } finally {
    await early?.drop();
  }
}
