import type {ComposeNode, ScalarNode} from '../compose/node.js';

/** What the schema takes; scalars are texts. */
export type Plain = string | null | readonly Plain[] | {readonly [key: string]: Plain};

/** Keys that take one thing or a list of things. */
const manifold = new Set(['expect', 'must-contain', 'must-not-contain']);
const kinds = new Set(['arg', 'env', 'base']);

/** The file's content with short forms written out; each path (`expect.0.max-size`) of it leads back to a node. */
export function plainOf(root: ComposeNode): {readonly value: Plain; readonly nodes: ReadonlyMap<string, ComposeNode>} {
  const nodes = new Map<string, ComposeNode>();
  const convert = (node: ComposeNode, path: readonly string[]): Plain => {
    nodes.set(path.join('\0'), node);
    if (node.kind === 'scalar') return shortForm(path, node.value === null ? null : writtenText(node));
    if (node.kind === 'list') return node.items.map((item, index) => convert(item, [...path, String(index)]));
    return Object.fromEntries(
      [...node.entries].map(([key, {value}]) => {
        const at = [...path, key];
        const one = manifold.has(key) && value.kind === 'map';
        if (one) nodes.set(at.join('\0'), value);
        return [key, one ? [convert(value, [...at, '0'])] : convert(value, at)];
      }),
    );
  };
  return {value: convert(root, []), nodes};
}

/** A number as it is written: a version 1.10 is not 1.1. */
function writtenText({value, text, at}: ScalarNode): string {
  return typeof value === 'number' ? at.file.text.slice(at.start, at.end).trim() : text;
}

/** A value of the matrix, or the name of the baseline, without its mapping. */
function shortForm(path: readonly string[], text: string | null): Plain {
  if (text === null) return text;
  const [first, kind = ''] = path;
  if (first === 'baseline' && path.length === 1) return {name: text};
  const depth = kinds.has(kind) ? 4 : 3;
  return first === 'matrix' && path.length === depth ? {value: text} : text;
}
