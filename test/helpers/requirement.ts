import type {ExecutionContext} from 'ava';

/**
 * For a test that needs something of the machine. True where it is there; otherwise the test ends with its reason said,
 * which passes on a developer's machine and fails where CI=true.
 */
export function available(t: ExecutionContext, condition: boolean, reason: string): boolean {
  if (condition) return true;
  if (process.env['CI'] === 'true') t.fail(`needed here: ${reason}`);
  else t.pass(`skipped: ${reason}`);
  t.log(`skipped: ${reason}`);
  return false;
}
