import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {hasErrno} from '../base/errors.js';

/** One entry of apt's configuration for binary packages (sources.list(5)). */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** By their deb822 names: `Signed-By`, `Trusted`, …; a value may have several lines. */
  readonly options: ReadonlyMap<string, string>;
}

const words = (text: string) => text.split(/\s+/).filter((word) => word !== '');

/** One-line style: `deb [option=value …] uri suite component…`. Other types, comments and malformed lines give nothing. */
export function parseSourcesList(text: string): readonly AptSource[] {
  return text.split('\n').flatMap((line): readonly AptSource[] => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const pairs = words(options).map((option): [string, string] => {
      const [name = '', ...value] = option.split('=');
      return [titleCase(name), value.join('=').replaceAll(',', ' ')];
    });
    return [{uris: [uri], suites: [suite], components: words(components), options: new Map(pairs)}];
  });
}

/** `signed-by` -> `Signed-By`; `arch` and `lang` have longer names in deb822. */
function titleCase(name: string): string {
  if (name === 'arch') return 'Architectures';
  if (name === 'lang') return 'Languages';
  return name.replaceAll(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}

/** deb822 style: paragraphs of `Field: value`, with continuation lines. Disabled and source-only ones give nothing. */
export function parseDeb822Sources(text: string): readonly AptSource[] {
  const kept = text.split('\n').filter((line) => !line.startsWith('#'));
  return kept
    .join('\n')
    .split(/\n[ \t]*\n/)
    .flatMap((paragraph): readonly AptSource[] => {
      const fields = new Map<string, string>();
      for (const match of paragraph.matchAll(/^([^\s:]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
        fields.set(titleCase((match[1] ?? '').toLowerCase()), match[2] ?? '');
      }
      const field = (name: string) => words(fields.get(name) ?? '');
      if (!field('Types').includes('deb') || /^(no|false|0)$/i.test((fields.get('Enabled') ?? '').trim())) return [];
      const options = [...fields].filter(
        ([name]) => !['Types', 'Uris', 'Suites', 'Components', 'Enabled'].includes(name),
      );
      return [
        {uris: field('Uris'), suites: field('Suites'), components: field('Components'), options: new Map(options)},
      ];
    });
}

/** As a deb822 paragraph, without user names and passwords in the URIs where `hideCredentials`. */
export function formatDeb822(source: AptSource, hideCredentials: boolean): string {
  const uris = hideCredentials ? source.uris.map((uri) => uri.replace(/\/\/[^/@]*@/, '//')) : source.uris;
  const lines = [
    'Types: deb',
    `URIs: ${uris.join(' ')}`,
    `Suites: ${source.suites.join(' ')}`,
    ...(source.components.length === 0 ? [] : [`Components: ${source.components.join(' ')}`]),
    ...[...source.options].map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Every enabled source for binary packages below `directory` (default `/etc/apt`), in apt's order. */
export async function readAptSources(directory = '/etc/apt'): Promise<readonly AptSource[]> {
  const parts = join(directory, 'sources.list.d');
  const names = await orMissing(readdir(parts), []);
  const files = [join(directory, 'sources.list'), ...names.sort().map((name) => join(parts, name))];
  const sources: AptSource[] = [];
  for (const file of files) {
    if (!/\.(list|sources)$/.test(file)) continue;
    const text = await orMissing(readFile(file, 'utf8'), '');
    sources.push(...(file.endsWith('.list') ? parseSourcesList(text) : parseDeb822Sources(text)));
  }
  return sources;
}

async function orMissing<T>(value: Promise<T>, missing: T): Promise<T> {
  try {
    return await value;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return missing;
    throw error;
  }
}

const suitePattern = /^(.*?)(-updates|-security|\/updates)?$/;

/** `bookworm-security` -> `bookworm` and `-security`. */
function splitSuite(suite: string): {readonly release: string; readonly pocket: string} {
  const match = suitePattern.exec(suite);
  return {release: match?.[1] ?? suite, pocket: match?.[2] ?? ''};
}

/** One URI and one suite of a source. */
export interface SuiteSource {
  readonly source: AptSource;
  /** True where this machine itself has no such suite and the source is that of its own release with the name changed. */
  readonly derived: boolean;
}

/**
 * The sources of `suite` with its updates and security fixes, out of the machine's own ones. A suite that none of them
 * names is looked for on the mirrors of the machine's own release (`codename`); unstable ones have no updates.
 */
export function sourcesOfSuite(
  all: readonly AptSource[],
  suite: string,
  codename: string | undefined,
): readonly SuiteSource[] {
  const oneByOne = all.flatMap((source) =>
    source.uris.flatMap((uri) => source.suites.map((name): AptSource => ({...source, uris: [uri], suites: [name]}))),
  );
  const of = (release: string) => oneByOne.filter((source) => splitSuite(source.suites[0] ?? '').release === release);
  const own = of(suite);
  if (own.length > 0) return own.map((source) => ({source, derived: false}));
  const rolling = ['sid', 'unstable', 'experimental'].includes(suite);
  return (codename === undefined ? [] : of(codename)).flatMap((source) => {
    const {pocket} = splitSuite(source.suites[0] ?? '');
    if (rolling && pocket !== '') return [];
    return [{source: {...source, suites: [suite + pocket]}, derived: true}];
  });
}
