import {enterNamespace} from '../../engine/drivers/embedded/enter-namespace.js';
import {startExecutor, workerScript} from './step-executor.js';

// Starts an executor as the user it runs as, for tests that kill it: prints its pid and waits. With a directory as its first
// argument it runs the steps named after it (JSON of `run`'s arguments) as an ordinary user, and prints the answers.
/** Bytes as JSON has them. */
const revive = (_: string, value: unknown): unknown =>
  (value as {type?: unknown} | null)?.type === 'Buffer' ? Buffer.from((value as {data: number[]}).data) : value;

const [mode, text = '[]'] = process.argv.slice(2);
if (mode === 'idle') {
  const {channel} = await enterNamespace(workerScript, {
    root: process.getuid?.() === 0,
    signal: new AbortController().signal,
    args: [text],
  });
  console.log(String(channel.pid));
  setInterval(() => undefined, 1000);
} else {
  try {
    const executor = await startExecutor({rootless: true});
    try {
      const answers: unknown[] = [];
      for (const step of JSON.parse(text, revive) as Parameters<typeof executor.run>[])
        answers.push(await executor.run(...step));
      console.log(JSON.stringify(answers));
    } finally {
      await executor.close();
    }
  } catch (error) {
    const {code, message, details} = error as {code?: string; message: string; details?: {remedy?: string}};
    console.log(JSON.stringify({code, message, remedy: details?.remedy}));
  }
}
