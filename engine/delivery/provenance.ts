import type {Digest} from '../oci/digest.js';
import {credentialIn, isSecretName} from '../dockerfile/secret-names.js';
import {looksSecret, planRedactor} from '../plan/secrets.js';
import type {Plan} from '../plan/plan.js';

/** What is said about how an image was built. */
export interface ProvenanceFacts {
  /** Undefined where the Dockerfile is not at hand. */
  readonly plan: Plan | undefined;
  /** Build arguments that were given. */
  readonly args: readonly {readonly name: string; readonly value: string}[];
  /** Path of the Dockerfile in the checkout. */
  readonly dockerfile: string | undefined;
  readonly source: string | undefined;
  /** The commit. */
  readonly revision: string | undefined;
  readonly branch: string | undefined;
  /** Digests of base images by reference, as far as they are known. */
  readonly bases: ReadonlyMap<string, Digest | undefined>;
  /** `docker`, `embedded`; undefined where the image is not at hand. */
  readonly driver: string | undefined;
  /** Of build-image. */
  readonly version: string;
  /** Page of the CI run. */
  readonly run: string | undefined;
  /** ISO 8601: when the image was finished. */
  readonly finished: string | undefined;
  /** Ids of `RUN --mount=type=secret`, never their values. */
  readonly secrets: readonly string[];
}

export const statementType = 'https://in-toto.io/Statement/v1';
export const provenanceType = 'https://slsa.dev/provenance/v1';
export const spdxType = 'https://spdx.dev/Document';
const hidden = '***';

export interface Subject {
  readonly name: string;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** An in-toto statement (v1) about the subjects. */
export function statement(predicateType: string, subjects: readonly Subject[], predicate: object): object {
  return {
    _type: statementType,
    subject: subjects.map(({name, sha256}) => ({name, digest: {sha256}})),
    predicateType,
    predicate,
  };
}

/**
 * SLSA provenance v1. The values of arguments that are named like secrets, or look like one, are hidden, and wherever else
 * they occur. Pure: the same build of the same commit gives the same document.
 */
export function provenance(facts: ProvenanceFacts): object {
  const {plan, args, dockerfile, source, revision, branch, bases, driver, version, run, finished, secrets} = facts;
  const redactor = plan === undefined ? {redact: (text: string) => text} : planRedactor(plan.graph);
  const given = args.map(({name, value}) => [name, isHidden(name, value) ? hidden : redactor.redact(value)] as const);
  const git = source === undefined ? undefined : `git+${source}${branch === undefined ? '' : `@refs/heads/${branch}`}`;
  const commit = revision === undefined ? undefined : {gitCommit: revision};
  const target = plan?.graph.stages[plan.graph.target];
  const platform = plan?.graph.platform;
  return {
    buildDefinition: {
      buildType: 'urn:build-image:dockerfile:v1',
      externalParameters: {
        configSource: {
          ...(git !== undefined && {uri: git}),
          ...(commit !== undefined && {digest: commit}),
          ...(dockerfile !== undefined && {path: dockerfile}),
        },
        request: {
          ...(target !== undefined && {target: target.label}),
          ...(platform !== undefined && {
            platform: [platform.os, platform.architecture, platform.variant]
              .filter((part) => part !== undefined)
              .join('/'),
          }),
          args: Object.fromEntries(given),
          ...(secrets.length > 0 && {secrets: secrets.map((id) => ({id}))}),
        },
      },
      internalParameters: {...(driver !== undefined && {driver})},
      resolvedDependencies: [
        ...(git === undefined ? [] : [{uri: git, ...(commit !== undefined && {digest: commit})}]),
        ...[...bases].map(([reference, digest]) => ({
          uri: `docker-image://${redactor.redact(reference)}`,
          ...(digest !== undefined && {digest: {sha256: digest.slice('sha256:'.length)}}),
        })),
      ],
    },
    runDetails: {
      builder: {id: 'urn:build-image', version: {'build-image': version}},
      metadata: {
        ...(run !== undefined && {invocationId: run}),
        ...(finished !== undefined && {finishedOn: finished}),
      },
    },
  };
}

function isHidden(name: string, value: string): boolean {
  return isSecretName(name) || looksSecret(name) || credentialIn(value) !== undefined;
}
