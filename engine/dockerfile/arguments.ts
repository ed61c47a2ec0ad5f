import {BuildError} from '../base/errors.js';
import {takeFlags} from './flags.js';
import {blanks, skipSpace, trim} from './space.js';
import {jsonForm, splitList, splitWords} from './words.js';

/** An instruction taken apart: what `Instruction` holds besides its place. */
export interface Parts {
  readonly keyword: string;
  readonly flags: readonly string[];
  readonly args: readonly string[];
  readonly json: boolean;
}

interface Arguments {
  readonly args: readonly string[];
  readonly json: boolean;
}

const plain = (args: readonly string[]): Arguments => ({args, json: false});

/** JSON form, else `otherwise`. */
function jsonOr(rest: string, otherwise: (rest: string) => readonly string[]): Arguments {
  const args = jsonForm(rest);
  return args === undefined ? plain(otherwise(rest)) : {args, json: true};
}

const whole = (rest: string): readonly string[] => (rest === '' ? [] : [rest]);

/** `KEY=value` words, or the legacy `KEY the rest of the line` as two. */
function keyValues(keyword: string, rest: string, escape: string): readonly string[] {
  const words = splitWords(rest, escape);
  if (words.length === 0 || words[0]?.includes('=') === true) return words;
  const blank = blanks.exec(rest);
  if (blank === null) {
    throw new BuildError('DOCKERFILE_INSTRUCTION', `${keyword} must have two arguments`, {
      remedy: `Write ${keyword} ${rest}=value.`,
    });
  }
  return [rest.slice(0, blank.index), rest.slice(blank.index + blank[0].length)];
}

/** `CMD` or `NONE`, then the command. */
function healthcheck(rest: string): Arguments {
  const end = rest.search(/\s/);
  if (end === -1) return plain(whole(rest));
  const command = jsonOr(rest.slice(skipSpace(rest, end)), whole);
  return {args: [rest.slice(0, end), ...command.args], json: command.json};
}

function onbuild(rest: string, escape: string): Arguments {
  // A chain of ONBUILDs is refused later; it must not be followed here, however long it is.
  if (/^onbuild(?:\s|$)/i.test(rest)) return plain(['ONBUILD', rest]);
  if (rest === '') return plain([]);
  const {keyword, args, json} = takeApart(rest, escape);
  return {args: [keyword, ...args], json};
}

function argumentsOf(keyword: string, rest: string, escape: string): Arguments {
  switch (keyword) {
    case 'ADD':
    case 'COPY':
    case 'VOLUME':
      return jsonOr(rest, splitList);
    case 'CMD':
    case 'ENTRYPOINT':
    case 'RUN':
    case 'SHELL':
      return jsonOr(rest, whole);
    case 'ENV':
    case 'LABEL':
      return plain(keyValues(keyword, rest, escape));
    case 'ARG':
      return plain(splitWords(rest, escape));
    case 'EXPOSE':
    case 'FROM':
      return plain(splitList(rest));
    case 'HEALTHCHECK':
      return healthcheck(rest);
    case 'ONBUILD':
      return onbuild(rest, escape);
    default:
      return plain(whole(rest));
  }
}

/** Keyword, flags and arguments of one logical line. Throws BuildError DOCKERFILE_INSTRUCTION where they have no form. */
export function takeApart(logical: string, escape: string): Parts {
  const line = trim(logical);
  const blank = blanks.exec(line);
  const keyword = (blank === null ? line : line.slice(0, blank.index)).toUpperCase();
  const {flags, rest} = takeFlags(blank === null ? '' : line.slice(blank.index + blank[0].length));
  return {keyword, flags, ...argumentsOf(keyword, trim(rest), escape)};
}
