import type {SourceRange} from '../base/errors.js';
import type {Warning} from './ast.js';

export interface Rule {
  readonly name: string;
  readonly description: string;
  /** Page of the published rule; undefined for a rule of our own. */
  readonly url: string | undefined;
  /** Off unless `# check=experimental=…` turns it on. */
  readonly experimental: boolean;
}

const published = (name: string, description: string, experimental = false): Rule => {
  const page = name.replace(/([a-z])([A-Z])/g, '$1-$2').replace(/JSONArgs/, 'json-args');
  return {name, description, url: `https://docs.docker.com/go/dockerfile/rule/${page.toLowerCase()}/`, experimental};
};

const own = (name: string, description: string): Rule => ({name, description, url: undefined, experimental: false});

/** BuildKit's build checks by their published names, then our own. */
export const rules: readonly Rule[] = [
  published('StageNameCasing', 'Stage names should be lowercase'),
  published('FromAsCasing', "The 'as' keyword should match the case of the 'from' keyword"),
  published('NoEmptyContinuation', 'Empty continuation lines will become errors in a future release'),
  published('ConsistentInstructionCasing', 'Instructions should be in one casing, all upper or all lower'),
  published('DuplicateStageName', 'Stage names should be unique'),
  published('ReservedStageName', 'Reserved words should not be used as stage names'),
  published(
    'JSONArgsRecommended',
    'The JSON form of ENTRYPOINT and CMD lets the process get the signals of the system',
  ),
  published('MaintainerDeprecated', 'MAINTAINER is deprecated: name the author in a label'),
  published('UndefinedArgInFrom', 'FROM must use declared ARGs'),
  published('WorkdirRelativePath', 'A relative workdir without an absolute one before it depends on the base image'),
  published('UndefinedVar', 'Variables should be defined before their use'),
  published('MultipleInstructionsDisallowed', 'Only the last of several instructions of this type in a stage is used'),
  published('LegacyKeyValueFormat', 'The legacy key/value format with a space between should not be used'),
  published('InvalidBaseImagePlatform', 'The platform of the base image is not the one that is built for'),
  published('RedundantTargetPlatform', 'FROM --platform=$TARGETPLATFORM is what FROM does without it'),
  published('SecretsUsedInArgOrEnv', 'ARG and ENV should not hold secrets: both stay readable in the image'),
  published('InvalidDefaultArgInFrom', "An ARG's default leaves FROM with an empty or invalid image name"),
  published('FromPlatformFlagConstDisallowed', 'FROM --platform should not be a constant'),
  published('CopyIgnoredFile', 'A file to be copied is excluded by .dockerignore', true),
  published('InvalidDefinitionDescription', 'A comment above a stage or ARG should describe it by its name', true),
  published('ExposeProtoCasing', 'The protocol in EXPOSE should be lowercase'),
  published('ExposeInvalidFormat', 'EXPOSE takes no IP address and no host port'),
  own('UnusedBuildArg', 'A build argument that no stage declares or nothing uses'),
  own('SecretInArg', 'A secret in a global ARG, or a credential in a value whose name does not say so'),
  own('ArgInvalidatesEarly', 'An ARG declared so early that steps which never mention it run again with it'),
  own('InvalidTrigger', 'An ONBUILD trigger that fails every build on the image'),
  own('ContextHasGit', 'The build context sends the .git directory'),
];

const byName = new Map(rules.map((rule) => [rule.name, rule]));

/** The rule of this name. Throws where there is none: names come from the table above. */
export function ruleOf(name: string): Rule {
  const rule = byName.get(name);
  if (rule === undefined) throw new Error(`no such rule: ${name}`);
  return rule;
}

/** A finding of the rule; without a range it has no line (an override on the command line). */
export function warning(rule: string, message: string, range?: SourceRange): Warning {
  return {rule, message, line: range?.start ?? 0, range, url: ruleOf(rule).url};
}
