import {readFileSync} from 'node:fs';

/** Version of the package, from its package.json. */
export function version(): string {
  // dist/engine/cli/version.js
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as {version: string}).version;
}
