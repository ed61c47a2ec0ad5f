import type {BuildContext} from '../../engine/context/context.js';
import {defaultSettings} from '../../engine/job/build.js';
import type {JobSettings} from '../../engine/job/settings.js';

/** Settings of a build of the checkout at `directory` without any flag. */
export function settingsOf(directory: string, more: Partial<JobSettings> = {}): JobSettings {
  return {...defaultSettings, directory, ...more};
}

/** Paths that a context sends, in its order. */
export async function collect(context: BuildContext): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const {path} of context.walk(new AbortController().signal)) paths.push(path);
  return paths;
}
