#!/usr/bin/env node
// Only what every call needs is imported here: `--version` must be nearly as fast as Node itself.
import {bundled} from '../base/bundle.js';
import type * as Program from './program.js';
import {version} from './version.js';

const [first] = process.argv.slice(2);
if (first === '--version' || first === '-V') {
  process.stdout.write(`build-image ${version()}\n`);
} else {
  const {main} = (bundled('cli/program.js') ?? (await import('./program.js'))) as typeof Program;
  process.exitCode = await main(process.argv.slice(2));
}
