import {Option, type Command} from 'commander';
import {BuildError, quote} from '../base/errors.js';
import {list, progressOption} from './build-options.js';
import {storePlace} from './store-options.js';

/** What commander gives for what decides where a delivery goes: shared by `deliver` and `build --deliver`. */
export interface TargetFlags {
  readonly registry?: readonly string[];
  readonly insecureRegistry?: readonly string[];
  readonly policy?: string;
  readonly anyBranch?: boolean;
  readonly provenance?: string | boolean;
  readonly sbom?: string | boolean;
}

export interface DeliverFlags extends TargetFlags {
  readonly image?: string;
  readonly package?: readonly string[];
  readonly artifactsDir?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly driver: string;
  readonly root?: string;
  readonly progress?: string;
  readonly compose?: readonly string[] | false;
  readonly service?: string;
}

export function addTargetOptions(command: Command): Command {
  return command
    .addOption(
      list('--registry <[NAME=]REPOSITORY>', 'registry, or a path in one, in addition to those of the environment'),
    )
    .addOption(
      list('--insecure-registry <HOST[:PORT]>', 'registry without TLS, or whose certificate cannot be verified'),
    )
    .option('--policy <FILE>', 'file that says which branches get which tags (default: build-image.yaml)')
    .option('--any-branch', 'deliver any branch, whatever the policy says')
    .option('--provenance [BOOL]', 'attach a description of how the image was built (default: true)')
    .option('--no-provenance', 'attach none')
    .option('--sbom [BOOL]', 'attach a list of the packages in the image (default: true)')
    .option('--no-sbom', 'attach none');
}

export function addDeliverOptions(command: Command): Command {
  return addTargetOptions(command)
    .option('--image <REFERENCE>', 'image to deliver (default: that of the Compose service)')
    .addOption(list('--package <FILE>', 'package to deliver (default: every .deb of the artifacts directory)'))
    .option('--artifacts-dir <DIR>', 'where the artifacts of the build are (default: artifacts)')
    .option('--dry-run', 'show what would be delivered, but send nothing')
    .option('--json', 'print the answer as one JSON document')
    .addOption(
      new Option('--driver <NAME>', 'where the image is').choices(['auto', 'docker', 'embedded']).default('auto'),
    )
    .option('--root <DIR>', storePlace)
    .addOption(list('--compose <FILE>', 'Compose file to take the name of the image from (repeatable)'))
    .option('--no-compose', 'do not look for a Compose file')
    .option('--service <NAME>', 'service of the Compose file (default: web, else the only one with build:)')
    .addOption(progressOption());
}

/** `--provenance`, `--provenance=false`, `--no-provenance` over the policy; BuildKit's `mode=…` is true. Throws USAGE. */
export function switched(flag: string | boolean | undefined, policy: boolean, name: string): boolean {
  if (flag === undefined) return policy;
  if (typeof flag === 'boolean') return flag;
  if (/^(?:false|0|no|off)$/i.test(flag)) return false;
  if (/^(?:true|1|yes|on|mode=(?:min|max))$/i.test(flag)) return true;
  throw new BuildError('USAGE', `${name} is true or false, not ${quote(flag)}`, {
    remedy: `Write ${name}=false, or ${name} as the last option before another.`,
  });
}
