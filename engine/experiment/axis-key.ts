import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {type Axis, axisKinds, type AxisKind} from './variant.js';

const named = ['arg', 'env', 'base'] as const;

/**
 * `VERSION`, `arg:VERSION`, `env:PORT`, `env:production:PORT`, `base:debian:bookworm`, `target`, `platform`. Throws
 * CONFIG_INVALID.
 */
export function parseAxisKey(text: string): Pick<Axis, 'kind' | 'name'> {
  if (text === 'target' || text === 'platform') return {kind: text, name: ''};
  const colon = text.indexOf(':');
  if (colon === -1) return {kind: 'arg', name: checked('arg', text, text)};
  const prefix = text.slice(0, colon);
  const kind = named.find((each) => each === prefix);
  if (kind === undefined) {
    throw new BuildError('CONFIG_INVALID', `an axis is no ${quote(prefix)}${didYouMean(prefix, axisKinds)}`, {
      remedy: 'It is NAME or arg:NAME, env:NAME, env:STAGE:NAME, base:IMAGE, target or platform.',
    });
  }
  return {kind, name: checked(kind, text.slice(colon + 1), text)};
}

const shapes: Readonly<Record<Exclude<AxisKind, 'target' | 'platform'>, RegExp>> = {
  arg: /^[A-Za-z_][A-Za-z0-9_.-]*$/,
  env: /^(?:[A-Za-z0-9_.-]+:)?[A-Za-z_][A-Za-z0-9_.-]*$/,
  base: /^\S+$/,
};

function checked(kind: keyof typeof shapes, name: string, text: string): string {
  if (shapes[kind].test(name)) return name;
  throw new BuildError('CONFIG_INVALID', `${quote(text)} names no ${kind === 'base' ? 'image' : kind.toUpperCase()}`, {
    remedy: 'An axis is NAME or arg:NAME, env:NAME, env:STAGE:NAME, base:IMAGE, target or platform.',
  });
}
