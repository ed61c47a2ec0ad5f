export interface Weighted {
  /** Greater than 0. */
  readonly weight: number;
}

/** In per cent of the whole. */
export interface Cell<T> {
  readonly item: T;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Squarified treemap (Bruls, Huizing, van Wijk): areas as the weights, cells as square as can be. */
export function treemap<T extends Weighted>(items: readonly T[], within: Box): readonly Cell<T>[] {
  const sorted = items.filter(({weight}) => weight > 0).toSorted((a, b) => b.weight - a.weight);
  const total = sorted.reduce((sum, {weight}) => sum + weight, 0);
  const scale = (within.width * within.height) / total;
  const cells: Cell<T>[] = [];
  let box = within;
  let row: T[] = [];
  for (const item of sorted) {
    const side = Math.min(box.width, box.height);
    if (row.length > 0 && worst([...row, item], side, scale) > worst(row, side, scale)) {
      box = place(row, box, scale, cells);
      row = [];
    }
    row.push(item);
  }
  if (row.length > 0) place(row, box, scale, cells);
  return cells;
}

/** The largest ratio of sides in a row. */
function worst(row: readonly Weighted[], side: number, scale: number): number {
  const areas = row.map(({weight}) => weight * scale);
  const sum = areas.reduce((a, b) => a + b, 0);
  return Math.max((side ** 2 * Math.max(...areas)) / sum ** 2, sum ** 2 / (side ** 2 * Math.min(...areas)));
}

/** Puts a row along the shorter side; the result is what is left. */
function place<T extends Weighted>(row: readonly T[], box: Box, scale: number, cells: Cell<T>[]): Box {
  const area = row.reduce((sum, {weight}) => sum + weight * scale, 0);
  const upright = box.width >= box.height;
  const thick = area / (upright ? box.height : box.width);
  let at = upright ? box.y : box.x;
  for (const item of row) {
    const long = (item.weight * scale) / thick;
    cells.push(
      upright
        ? {item, x: box.x, y: at, width: thick, height: long}
        : {item, x: at, y: box.y, width: long, height: thick},
    );
    at += long;
  }
  return upright
    ? {...box, x: box.x + thick, width: Math.max(0, box.width - thick)}
    : {...box, y: box.y + thick, height: Math.max(0, box.height - thick)};
}
