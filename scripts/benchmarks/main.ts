/** Each benchmark prints its table and answers whether its bounds held. */
const benchmarks: Readonly<Record<string, () => Promise<{readonly run: () => Promise<boolean>}>>> = {
  context: () => import('./context.js'),
  build: () => import('./build.js'),
  push: () => import('./push.js'),
};

const name = process.argv[2] ?? '';
const load = benchmarks[name];
if (load === undefined) {
  console.error(`usage: scripts/bench ${Object.keys(benchmarks).join('|')}`);
  process.exitCode = 2;
} else {
  const {run} = await load();
  if (!(await run())) process.exitCode = 1;
}
