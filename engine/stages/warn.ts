import type {SourceRange} from '../base/errors.js';
import type {Warning} from '../dockerfile/ast.js';

const pages = 'https://docs.docker.com/go/dockerfile/rule/';

/** BuildKit's build checks that need scopes; each has a page. The other rules are ours. */
const published = new Set([
  'UndefinedVar',
  'UndefinedArgInFrom',
  'InvalidDefaultArgInFrom',
  'InvalidBaseImagePlatform',
  'RedundantTargetPlatform',
  'FromPlatformFlagConstDisallowed',
  'CopyIgnoredFile',
]);

/** A warning with its line and, where the rule is a published one, its page. */
export function warning(rule: string, message: string, range?: SourceRange): Warning {
  const page = rule.replace(/(?!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  return {
    rule,
    message,
    line: range?.start ?? 0,
    range,
    url: published.has(rule) ? `${pages}${page}/` : undefined,
  };
}
