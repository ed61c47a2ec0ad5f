import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {BuildError, quote} from '../base/errors.js';
import type {TimedStep} from '../compare/step-times.js';
import {savedVariant} from '../experiment/saved.js';
import {readHistory} from '../store/history.js';
import {pastBuild} from './past-build.js';

/** What is known of how an image came to be. */
export interface Subject {
  /** What finds the image. */
  readonly image: string;
  readonly artifacts: readonly {readonly path: string; readonly sha256: string}[];
  readonly steps: readonly TimedStep[];
}

export interface Subjects {
  /** A variant of an experiment, or a build by its id; undefined: the text is the name of an image. */
  named(text: string): Subject | undefined;
  /** The last build that gave an image of this ID. */
  ofImage(configDigest: string | undefined): Subject | undefined;
}

/** Reads the history and the experiments below `root`. */
export async function createSubjects(root: string, directory: string, signal: AbortSignal): Promise<Subjects> {
  const {records} = await readHistory(root, {}, signal);
  return {
    named(text) {
      const variant = savedVariant(text, root, directory);
      if (variant !== undefined) {
        if (variant.image !== null)
          return {image: variant.image.tag, artifacts: variant.artifacts, steps: variant.timings};
        throw new BuildError('NOT_FOUND', `the variant ${quote(text)} has no image: ${variant.status}`);
      }
      if (!/^\d{8}T\d{6,9}/.test(text)) return undefined;
      const record = pastBuild(records, text);
      const image = record?.image?.configDigest ?? record?.image?.manifestDigest;
      if (record !== undefined && typeof image === 'string')
        return {image, artifacts: record.artifacts, steps: record.steps};
      throw new BuildError('NOT_FOUND', `there is no build ${quote(text)} that gave an image`, {
        remedy: '"build-image history --json" has the ids of builds.',
      });
    },
    ofImage(digest) {
      const record = digest === undefined ? undefined : records.find(({image}) => image?.configDigest === digest);
      return record === undefined ? undefined : {image: digest ?? '', artifacts: record.artifacts, steps: record.steps};
    },
  };
}

/** Packages that are still on the disk as they were: a later build may have put others in their place. */
export async function debsOf({artifacts}: Subject): Promise<readonly string[]> {
  const found: string[] = [];
  for (const {path, sha256} of artifacts) {
    if (path.endsWith('.deb') && (await digestOf(path)) === sha256) found.push(path);
  }
  return found;
}

async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}
