import type * as Yaml from 'yaml';
import type {Alias, Document, Node, Pair, Scalar, YAMLError, YAMLMap} from 'yaml';
import type {BuildError} from '../base/errors.js';
import {type ComposeNode, listNode, type MapEntry, mapNode, type MergeTag} from './node.js';
import {resolvePlain} from './scalar.js';
import {errorAt, type Position, type SourceFile} from './source.js';

// Deep enough for any real file, shallow enough for the stack.
const mostDepth = 100;

const messages: Readonly<Partial<Record<string, string>>> = {
  DUPLICATE_KEY: 'the key stands twice in one mapping',
  TAB_AS_INDENT: 'a tab cannot indent YAML',
  BAD_INDENT: 'the indentation does not fit the lines around it',
  MISSING_CHAR: 'the YAML is not complete here',
  BAD_ALIAS: 'an alias must name an anchor',
  UNEXPECTED_TOKEN: 'the YAML does not go on like this',
};

/** The YAML documents of a file, in order; empty ones are left out. Rejects with COMPOSE_SYNTAX, file and line. */
export async function parseYaml(file: SourceFile): Promise<readonly ComposeNode[]> {
  const yaml = await import('yaml');
  const documents = yaml.parseAllDocuments(file.text, {
    // Every scalar as it is written: types follow Compose, not this library.
    schema: 'failsafe',
    prettyErrors: false,
    logLevel: 'silent',
    uniqueKeys: true,
    keepSourceTokens: false,
  });
  if (!Array.isArray(documents)) return [];
  return (documents as Document.Parsed[]).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw syntaxError(error, file);
    const contents = document.contents as Node | null;
    return contents === null ? [] : [convertDocument(contents, file, yaml)];
  });
}

function syntaxError(error: YAMLError, file: SourceFile): BuildError {
  const [start, end] = error.pos;
  const known = messages[error.code] ?? error.message.split('\n')[0] ?? error.code;
  return errorAt('COMPOSE_SYNTAX', `broken YAML: ${known}`, {file, start, end: Math.max(end, start + 1)});
}

function convertDocument(root: Node, file: SourceFile, yaml: typeof Yaml): ComposeNode {
  const anchors = new Map<string, ComposeNode>();
  const open = new Set<string>();

  const position = (node: Node): Position => {
    const [start, valueEnd] = node.range ?? [0, 0, 0];
    return {file, start, end: Math.max(valueEnd, start)};
  };
  const tagOf = (node: Node): MergeTag | undefined =>
    node.tag === '!reset' ? 'reset' : node.tag === '!override' ? 'override' : undefined;

  const convert = (node: Node, depth: number): ComposeNode => {
    if (depth > mostDepth) {
      throw errorAt('COMPOSE_INVALID', `more than ${mostDepth} levels of nesting`, position(node));
    }
    if (yaml.isAlias(node)) return resolve(node);
    const {anchor} = node;
    if (anchor !== undefined) open.add(anchor);
    const converted = yaml.isMap(node)
      ? convertMap(node, depth)
      : yaml.isSeq(node)
        ? listNode(
            node.items.map((item) => convert(item as Node, depth + 1)),
            position(node),
            tagOf(node),
          )
        : convertScalar(node);
    if (anchor !== undefined) {
      open.delete(anchor);
      anchors.set(anchor, converted);
    }
    return converted;
  };

  const resolve = (alias: Alias): ComposeNode => {
    if (open.has(alias.source)) {
      throw errorAt('COMPOSE_SYNTAX', `the anchor "${alias.source}" contains itself`, position(alias));
    }
    const target = anchors.get(alias.source);
    if (target === undefined) {
      const known = anchors.size === 0 ? 'The file defines no anchor.' : `Anchors: ${[...anchors.keys()].join(', ')}.`;
      const message = `the alias *${alias.source} names no anchor that stands before it`;
      throw errorAt('COMPOSE_SYNTAX', message, position(alias), known);
    }
    return target;
  };

  const convertScalar = (node: Scalar): ComposeNode => {
    const source = typeof node.value === 'string' ? node.value : '';
    const at = position(node);
    const tag = tagOf(node);
    const plain = node.type === 'PLAIN' && node.tag !== '!!str' && node.tag !== 'tag:yaml.org,2002:str';
    const resolved = plain ? resolvePlain(source) : {value: source, text: source, date: false};
    return {kind: 'scalar', ...resolved, uses: [], at, ...(tag !== undefined && {tag})};
  };

  const convertMap = (node: YAMLMap, depth: number): ComposeNode => {
    const own = new Map<string, MapEntry>();
    const merged: ComposeNode[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = convert(pair.key, depth + 1);
      const at = position(pair.key);
      if (key.kind !== 'scalar') throw errorAt('COMPOSE_SYNTAX', 'a key must be text', at);
      const value: ComposeNode =
        pair.value === null
          ? {kind: 'scalar', value: null, text: '', date: false, uses: [], at: {...at, start: at.end}}
          : convert(pair.value, depth + 1);
      if (key.value === '<<') merged.push(...mergeSources(value));
      else own.set(keyText(key.value, key.text), {key: at, value});
    }
    // What the mapping says itself wins over what it merges, an earlier source over a later one.
    const entries = new Map<string, MapEntry>();
    for (const source of merged.reverse()) {
      if (source.kind === 'map') for (const [key, entry] of source.entries) entries.set(key, entry);
    }
    for (const [key, entry] of own) entries.set(key, entry);
    return mapNode(entries, position(node), tagOf(node));
  };

  return convert(root, 0);
}

function keyText(value: string | number | boolean | null, text: string): string {
  return value === null ? 'null' : text;
}

function mergeSources(value: ComposeNode): readonly ComposeNode[] {
  const sources = value.kind === 'list' ? value.items : [value];
  for (const source of sources) {
    if (source.kind !== 'map') {
      throw errorAt('COMPOSE_SYNTAX', 'the merge key << takes a mapping or a list of mappings', source.at);
    }
  }
  return sources;
}
