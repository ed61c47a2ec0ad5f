import {type Architecture, type ArgumentTest, defaultErrno, rulesFor} from './profile.js';

/** The `linux.seccomp` section of the OCI runtime specification (config-linux: Seccomp). */
export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?: readonly {
      readonly index: number;
      readonly value: number;
      readonly valueTwo?: number;
      readonly op: string;
    }[];
  }[];
}

/** The architecture itself first, then those whose programs it can run. */
const architectures: Readonly<Record<Architecture, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

const operators: Readonly<Record<ArgumentTest['test'], string>> = {
  equal: 'SCMP_CMP_EQ',
  'not-equal': 'SCMP_CMP_NE',
  masked: 'SCMP_CMP_MASKED_EQ',
};

/** The filter for a runtime that compiles it itself. */
export function ociSeccomp(architecture: Architecture, capabilities: readonly string[]): OciSeccomp {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: defaultErrno,
    architectures: architectures[architecture],
    syscalls: rulesFor(architecture, capabilities).map((rule) => ({
      names: rule.names,
      action: rule.errno === undefined ? 'SCMP_ACT_ALLOW' : 'SCMP_ACT_ERRNO',
      ...(rule.errno === undefined ? {} : {errnoRet: rule.errno}),
      ...(rule.when === undefined
        ? {}
        : {
            args: rule.when.map(({index, test, value}) => ({
              index,
              value,
              ...(test === 'masked' ? {valueTwo: 0} : {}),
              op: operators[test],
            })),
          }),
    })),
  };
}
