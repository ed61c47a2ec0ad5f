#!/usr/bin/env node
// Only what every call needs is imported here: `--version` must be nearly as fast as Node itself.
import {version} from './version.js';

const [first] = process.argv.slice(2);
if (first === '--version' || first === '-V') {
  process.stdout.write(`build-image ${version()}\n`);
} else {
  void import('./program.js').then(async ({main}) => {
    process.exitCode = await main(process.argv.slice(2));
    // Nothing is left to do, and taking the heap apart takes longer than ending.
    if (process.getActiveResourcesInfo().length === 0) process.exit();
  });
}
