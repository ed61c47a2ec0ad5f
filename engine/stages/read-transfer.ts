import type {StatementOf} from '../dockerfile/ast.js';
import {expandHeredocWithNames, parseHeredocWord} from '../dockerfile/heredoc.js';
import {failAt, within} from './fail.js';
import type {Operation, Source} from './graph.js';
import {resolveDestination} from './paths.js';
import {words, workdirOf, type Read, type Reader} from './state.js';
import {shown, shownBodies} from './step-text.js';

type Transfer = StatementOf<'copy'> | StatementOf<'add'>;
type TransferOperation = Extract<Operation, {kind: 'copy' | 'add'}>;

const symbolicMode = /^[ugoa]*(?:[-+=][rwxXstugo]*)+(?:,[ugoa]*(?:[-+=][rwxXstugo]*)+)*$/;

function checkMode(reader: Reader, statement: Transfer, mode: string): void {
  if (/^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) <= 0o7777 : symbolicMode.test(mode)) return;
  throw failAt(reader.dockerfile, statement.instruction.range, `--chmod takes a file mode, not "${mode}"`, {
    code: 'DOCKERFILE_FLAG',
    token: statement.chmod,
    remedy: 'Write an octal mode up to 07777, such as 0644, or a symbolic one, such as u=rw,go=r.',
  });
}

/** COPY and ADD: words and flags expanded, here-documents turned into files, the source found. */
export function readTransfer(reader: Reader, statement: Transfer): Read {
  const {instruction} = statement;
  const {range} = instruction;
  const expand = words(reader, range);
  const flag = (value: string | undefined): string | undefined => (value === undefined ? undefined : expand.one(value));
  const [chown, chmod] = [flag(statement.chown), flag(statement.chmod)];
  // As the published frontend has it, which takes these patterns as they stand.
  const {excludes} = statement;
  if (chmod !== undefined && chmod !== '') checkMode(reader, statement, chmod);

  let heredoc = 0;
  const files: {name: string; content: string}[] = [];
  const sources: string[] = [];
  for (const word of statement.sources) {
    const opened = parseHeredocWord(word);
    // The JSON form opens none; BuildKit reads the word all the same, and makes an empty file.
    const given = instruction.json ? undefined : instruction.heredocs[heredoc];
    const document = opened === undefined ? undefined : (given ?? {...opened, content: ''});
    if (document === undefined) {
      sources.push(expand.one(word));
    } else {
      heredoc++;
      const expanded = within(reader.dockerfile, range, () => expandHeredocWithNames(document, expand.values));
      expand.take(expanded);
      files.push({name: document.name, content: expanded.value});
    }
  }
  const destination = expand.one(statement.destination);
  const source: Source =
    statement.from === undefined
      ? {kind: 'main-context'}
      : reader.source({what: `${instruction.keyword} --from`, name: statement.from, range});
  const add =
    statement.kind === 'add'
      ? {checksum: flag(statement.checksum), keepGitDir: statement.keepGitDir, unpack: statement.unpack}
      : {checksum: undefined, keepGitDir: false, unpack: undefined};
  const operation: TransferOperation = {
    kind: statement.kind,
    source,
    sources,
    files,
    destination: resolveDestination(workdirOf(reader.state.config), destination),
    chown: chown === '' ? undefined : chown,
    chmod: chmod === '' ? undefined : chmod,
    link: statement.link,
    parents: statement.parents,
    excludes,
    ...add,
  };
  const heredocs = files.map(({name}) => `<<${name}`);
  const text = [
    instruction.keyword,
    ...flags(statement, operation),
    ...sources.map(shown),
    ...heredocs,
    shown(destination),
  ];
  return {
    operation,
    text: text.join(' ') + shownBodies(files),
    // Here-documents alone read from no stage, though --from may name one.
    reads: source.kind === 'main-context' || sources.length === 0 ? [] : [source],
    createdBy: createdBy(instruction.keyword, operation, destination),
  };
}

/** BuildKit names no other flags in the history; the destination stands as written. */
function createdBy(
  keyword: string,
  {parents, chown, chmod, sources, files}: TransferOperation,
  destination: string,
): string {
  const kept = parents ? ['--parents'] : [];
  const owner = chown === undefined ? [] : [`--chown=${chown}`];
  const mode = chmod === undefined ? [] : [`--chmod=${chmod}`];
  const documents = files.map(({name}) => `<<${name}`);
  return [keyword, ...kept, ...owner, ...mode, ...sources, ...documents, destination, '# buildkit'].join(' ');
}

function flags(statement: Transfer, operation: TransferOperation): string[] {
  const value = (name: string, text: string | undefined): string[] => (text === undefined ? [] : [`--${name}=${text}`]);
  return [
    ...value('from', statement.from),
    ...value('checksum', operation.checksum),
    ...(operation.keepGitDir ? ['--keep-git-dir'] : []),
    ...value('unpack', operation.unpack === undefined ? undefined : String(operation.unpack)),
    ...value('chown', operation.chown),
    ...value('chmod', operation.chmod),
    ...(operation.link ? ['--link'] : []),
    ...(operation.parents ? ['--parents'] : []),
    ...operation.excludes.map((pattern) => `--exclude=${pattern}`),
  ];
}
