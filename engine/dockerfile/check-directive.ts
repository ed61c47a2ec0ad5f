import {BuildError} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {Dockerfile, Warning} from './ast.js';
import {rules} from './rules.js';

/** `# check=skip=A,B;error=true;experimental=C` (Dockerfile reference: "check"). */
export interface CheckOptions {
  readonly skip: ReadonlySet<string> | 'all';
  /** Warnings fail the build. */
  readonly error: boolean;
  readonly experimental: ReadonlySet<string> | 'all';
}

const keys = ['skip', 'error', 'experimental'];

function names(value: string): ReadonlySet<string> | 'all' {
  const list = value.split(',').map((name) => name.trim());
  return list.includes('all') ? 'all' : new Set(list.filter((name) => name !== ''));
}

/**
 * Reads the text of the directive, or of the build-arg BUILDKIT_DOCKERFILE_CHECK, whose options replace the directive's.
 * Names of rules that do not exist are taken: a newer version may have them. Throws BuildError DOCKERFILE_SYNTAX.
 */
export function parseCheck(text: string | undefined): CheckOptions {
  const options = {skip: new Set<string>(), error: false, experimental: new Set<string>()};
  const found: {-readonly [K in keyof CheckOptions]: CheckOptions[K]} = options;
  for (const option of (text ?? '').split(';')) {
    if (option.trim() === '') continue;
    const equals = option.indexOf('=');
    const key = option.slice(0, equals === -1 ? undefined : equals).trim();
    const value = equals === -1 ? undefined : option.slice(equals + 1).trim();
    if (!keys.includes(key) || value === undefined) {
      throw new BuildError('DOCKERFILE_SYNTAX', `invalid check option "${option.trim()}"${didYouMean(key, keys)}`, {
        remedy: 'The options are separated by ";": skip=RuleA,RuleB;error=true;experimental=all.',
      });
    }
    if (key === 'skip') found.skip = names(value);
    else if (key === 'experimental') found.experimental = names(value);
    else found.error = parseError(value);
  }
  return found;
}

function parseError(value: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw new BuildError('DOCKERFILE_SYNTAX', `check option error takes true or false, not "${value}"`, {
    remedy: 'Write error=true, or leave the option out.',
  });
}

/** `parseCheck` of the file's directive, with its place in errors. */
export function checkOptionsOf(dockerfile: Dockerfile): CheckOptions {
  try {
    return parseCheck(dockerfile.directives.check);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const line = dockerfile.text.split('\n').findIndex((each) => /^\ufeff?\s*#\s*check\s*=/i.test(each)) + 1;
    throw error.with({file: dockerfile.file, source: dockerfile.text, range: {start: line, end: line}});
  }
}

const experimentalRules = new Set(rules.filter((rule) => rule.experimental).map((rule) => rule.name));

const has = (set: ReadonlySet<string> | 'all', name: string): boolean => set === 'all' || set.has(name);

/** The warnings that the options leave: experimental ones only where they are asked for, which wins over `skip`. */
export function applyCheck(warnings: readonly Warning[], options: CheckOptions): readonly Warning[] {
  return warnings.filter(({rule}) =>
    experimentalRules.has(rule) ? has(options.experimental, rule) : !has(options.skip, rule),
  );
}
