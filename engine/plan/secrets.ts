import {createRedactor, type Redactor} from '../base/redact.js';
import type {Binding, StageGraph} from '../stages/graph.js';

const anywhere = /passw(?:or)?d|passphrase|secret|token|credential|api_?key|private_?key|access_?key/i;
const word = /(?:^|_)(?:auth|key|pword|pwd)(?:_|$)/i;
// The name or place of a secret is none.
const harmless = /(?:^|_)(?:public|file|path|dir|version|url|id|name)(?:_|$)/i;

/** True for a name that commonly holds a secret: `DB_PASSWORD`, `API_KEY`, `GITHUB_TOKEN`; not `KEY_FILE`. */
export function looksSecret(name: string): boolean {
  return (anywhere.test(name) || word.test(name)) && !harmless.test(name);
}

const fromOutside = new Set([
  'build-arg',
  'build-arg-environment',
  'build-arg-file',
  'compose',
  '.env',
  'env-override',
]);

/**
 * Values that must not be shown: passwords in URLs, and those of names that look secret. Values under 8 characters count only where the user gave
 * them: what a Dockerfile itself says in public, such as `POSTGRES_PASSWORD=test`, would blank out ordinary words.
 */
export function secretValues(graph: StageGraph): readonly string[] {
  const bindings = new Set<Binding>(graph.args);
  for (const {env, steps} of graph.stages) {
    for (const binding of env.values()) bindings.add(binding);
    for (const {args} of steps) for (const binding of args) bindings.add(binding);
  }
  const values = [...bindings].flatMap(({name, value, origin}) =>
    value !== undefined && looksSecret(name) && (fromOutside.has(origin) || value.length >= 8) ? [value] : [],
  );
  // `https://user:password@host`: what ADD and FROM may name.
  const inUrls = graph.stages.flatMap(({steps}) =>
    steps.flatMap(({text}) => [...text.matchAll(/:\/\/[^\s/:@]*:([^\s/@]+)@/g)].map(([, password = '']) => password)),
  );
  return [...new Set([...values, ...inUrls])];
}

/** Hides `secretValues`, and passwords in URLs. */
export function planRedactor(graph: StageGraph): Pick<Redactor, 'redact'> {
  const redactor = createRedactor();
  for (const value of secretValues(graph)) redactor.add(value);
  return {redact: (text) => redactor.redact(text).replace(/(:\/\/[^\s/:@]*:)[^\s/@]+@/g, '$1***@')};
}
