import {type ComposeNode, listNode, type MapEntry, mapNode, type ScalarNode} from './node.js';
import {errorAt, type Position} from './source.js';
import {type Lookup, substitute, TemplateError} from './substitute.js';

// Aliases of aliases multiply: a file of a kilobyte can stand for a billion values.
const mostValues = 100_000;

/** Called for a variable that is not set, with the place that mentions it. */
export type OnUnset = (name: string, at: Position) => void;

/**
 * The tree with every text value interpolated, keys left alone (Compose specification, "Interpolation"). Throws
 * COMPOSE_INTERPOLATION at the expression; COMPOSE_INVALID for a tree of more than 100,000 values.
 */
export function interpolate(
  root: ComposeNode,
  get: Lookup['get'],
  onUnset: OnUnset,
  path: readonly string[] = [],
): ComposeNode {
  let values = 0;
  const visit = (node: ComposeNode, path: readonly string[]): ComposeNode => {
    if (++values > mostValues) {
      throw errorAt(
        'COMPOSE_INVALID',
        `the file stands for more than ${mostValues} values`,
        root.at,
        'Use fewer aliases.',
      );
    }
    const {tag} = node;
    switch (node.kind) {
      case 'map': {
        const entries = [...node.entries].map(([key, entry]): [string, MapEntry] => [
          key,
          {key: entry.key, value: visit(entry.value, [...path, key])},
        ]);
        return mapNode(entries, node.at, tag);
      }
      case 'list':
        return listNode(
          node.items.map((item, index) => visit(item, [...path, String(index)])),
          node.at,
          tag,
        );
      case 'scalar':
        return typeof node.value === 'string' && node.value.includes('$') ? scalar(node, node.value, path) : node;
      default:
        throw new Error(`unreachable: ${String(node satisfies never)}`);
    }
  };
  const scalar = (node: ScalarNode, template: string, path: readonly string[]): ScalarNode => {
    const lookup: Lookup = {get, unset: (name) => onUnset(name, whereOf(node, template, name))};
    try {
      const {text, uses} = substitute(template, lookup);
      return {...node, value: text, text, uses};
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const expression = template.slice(error.start, error.end);
      const at = whereOf(node, template, expression);
      throw errorAt('COMPOSE_INTERPOLATION', `${path.join('.')}: ${error.message}`, at, error.remedy);
    }
  };
  return visit(root, path);
}

/** Where in the file an expression of a scalar stands; the whole scalar where quoting or folding changed its text. */
function whereOf(node: ScalarNode, template: string, expression: string): Position {
  const {file, start, end} = node.at;
  const source = file.text.slice(start, end);
  const inTemplate = template.indexOf(expression);
  const at = source.includes(template) ? source.indexOf(template) + inTemplate : source.indexOf(expression);
  if (at < 0 || expression === '') return node.at;
  return {file, start: start + at, end: start + at + expression.length};
}
