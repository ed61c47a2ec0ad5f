import {formatPlatform, type Platform, samePlatform} from '../oci/platform.js';

/**
 * What `baseConfigs` has the config of a base by: the image or named context of FROM, with the stage's platform behind it where
 * `FROM --platform` asks for another than that of the build.
 */
export function baseConfigKey(name: string, platform: Platform, ofBuild: Platform): string {
  return samePlatform(platform, ofBuild) ? name : `${name} ${formatPlatform(platform)}`;
}

/** The name in such a key. */
export const nameOfConfigKey = (key: string): string => key.split(' ', 1)[0] ?? '';
