import type {Tree} from '../case.js';
import type {Dice} from './dice.js';
import {variables, type Syntax} from './scene.js';

/** What the command line gives beside the Dockerfile and its context. */
export interface Settings {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  readonly beside: Tree | undefined;
  /** Ids of secrets. */
  readonly secrets: readonly string[];
  /** Names of further contexts that hold files. */
  readonly contexts: readonly string[];
}

const beside: Tree = {
  'extra/f': {content: 'extra\n', mode: 0o640},
  'extra/d/g': 'g\n',
  'extra/d/.h': {content: 'h\n', mode: 0o4755},
  'extra/l': {link: 'd'},
  'extra/skipped': 's\n',
  'extra/.dockerignore': 'skipped\n',
  secret: 'hidden\n',
};

export function settings(dice: Dice, syntax: Syntax): Settings {
  const names = dice.many(0, dice.pick([0, 0, 1, 3]), () =>
    dice.pick([...variables, 'V', 'M', 'HTTP_PROXY', 'NOWHERE', 'BASE']),
  );
  const buildArgs = Object.fromEntries(
    names.map((name) => [
      name,
      name === 'BASE'
        ? 'conformance-rich'
        : dice.pick(['given', '640', '', 'a b', '$V', "it's", 'x=y', '"q"', 'ü', '/w', 'a\\b']),
    ]),
  );
  if (syntax === 'old') return {buildArgs, flags: [], beside: undefined, secrets: [], contexts: []};
  const epoch = dice.oneIn(25) ? {SOURCE_DATE_EPOCH: dice.pick(['1500000000', '0'])} : {};
  const flags: string[] = [];
  const secrets: string[] = [];
  const contexts: string[] = [];
  const add = (...words: readonly string[]): number => flags.push(...words);
  if (dice.oneIn(4)) {
    add('--secret', 'id=one,env=CASE_SECRET');
    secrets.push('one');
  }
  if (dice.oneIn(6)) {
    add('--secret', dice.pick(['id=file,src=$BESIDE/secret', 'type=file,id=file,source=$BESIDE/secret']));
    secrets.push('file');
  }
  if (dice.oneIn(5)) {
    add('--build-context', dice.pick(['extra=$BESIDE/extra', 'extra=$BESIDE/extra/']));
    contexts.push('extra');
  }
  if (dice.oneIn(20))
    add(
      '--build-context',
      dice.pick(['s0=docker-image://conformance-rich', 'conformance-base=docker-image://conformance-rich']),
    );
  if (dice.oneIn(10)) add('--label', dice.pick(['l=given', 'cli=1', 'm.n=', 'l="q"', 'z=$V', 'a=b=c', 'l']));
  if (dice.oneIn(20)) add('--add-host', dice.pick(['other:10.1.2.3', 'six:::1', 'other=10.1.2.3']));
  if (dice.oneIn(20)) add('--shm-size', dice.pick(['1m', '16m']));
  if (dice.oneIn(20)) add('--ulimit', dice.pick(['nofile=100:200', 'core=0']));
  if (dice.oneIn(30)) add('--platform', 'linux/amd64');
  return {
    buildArgs: {...buildArgs, ...epoch},
    flags,
    beside: flags.some((flag) => flag.includes('$BESIDE')) ? beside : undefined,
    secrets,
    contexts,
  };
}
