/** Something that may be made, and how often beside the others. */
export type Choice<T> = readonly [weight: number, make: () => T];

/** A pseudo-random source: the same seed gives the same throws on every machine. */
export interface Dice {
  /** True once in `sides` throws. */
  oneIn(sides: number): boolean;
  /** 0 … `below` - 1. */
  below(below: number): number;
  /** One of them, each as often as the others. */
  pick<T>(all: readonly T[]): T;
  /** What one of them makes, each as often as its weight says. */
  weighed<T>(choices: readonly Choice<T>[]): T;
  /** `least` … `most` results of `make`. */
  many<T>(least: number, most: number, make: () => T): T[];
}

/** Mulberry32: 32 bits of state, enough to tell seeds apart. */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const pick = <T>(all: readonly T[]): T => {
    const one = all[below(all.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  };
  return {
    below,
    oneIn: (sides) => below(sides) === 0,
    pick,
    weighed: (choices) => {
      let left = below(choices.reduce((sum, [weight]) => sum + weight, 0));
      for (const [weight, make] of choices) {
        if (left < weight) return make();
        left -= weight;
      }
      throw new Error('nothing to choose from');
    },
    many: (least, most, make) => Array.from({length: least + below(most - least + 1)}, make),
  };
}
