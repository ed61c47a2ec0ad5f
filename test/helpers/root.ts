import test, {type ExecutionContext} from 'ava';

/** A test that needs root (owners, devices, mounts): skipped without it, and failed in CI. */
export function asRoot(title: string, run: (t: ExecutionContext) => void | Promise<void>): void {
  if (process.getuid?.() === 0) {
    test(title, run);
  } else if (process.env['CI'] === 'true') {
    test(title, (t) => t.fail('needs root'));
  } else {
    test.skip(`${title} (needs root)`, run);
  }
}
