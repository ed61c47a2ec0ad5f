/** Node loads a module of its own for the first `performance.now()`; in a bundle this stands for it. Milliseconds. */
export const performance = {now: (): number => Number(process.hrtime.bigint()) / 1e6};
