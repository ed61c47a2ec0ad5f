import {formatBytes} from '../base/format-bytes.js';
import type {ImageProbe} from '../compare/probe.js';
import type {Expectation, Rule} from './definition.js';
import {includes} from './expand.js';
import type {ExpectationResult, VariantResult} from './result.js';
import type {Overrides} from './variant.js';

/** What is found where there is no image to look into. */
export const noImage = 'no image';

/** The rules that are about a variant. */
export function rulesFor(rules: readonly Rule[], overrides: Overrides): readonly Rule[] {
  return rules.filter(({when}) => includes(overrides, when));
}

/** Whether each expectation holds for a variant that has ended. `probe` undefined: there is no image to look into. */
export async function judge(
  rules: readonly Rule[],
  {status, seconds}: Pick<VariantResult, 'status' | 'seconds'>,
  probe: ImageProbe | undefined,
): Promise<readonly ExpectationResult[]> {
  const results: ExpectationResult[] = [];
  for (const {name, expectation} of rules) {
    const [holds, actual] = await verdict(expectation, status, seconds, probe);
    results.push({name, holds, actual});
  }
  return results;
}

async function verdict(
  expectation: Expectation,
  status: VariantResult['status'],
  seconds: number,
  probe: ImageProbe | undefined,
): Promise<readonly [boolean, string]> {
  switch (expectation.kind) {
    case 'exit': {
      const exit = status === 'built' ? 0 : 1;
      return [exit === expectation.status, `exit ${exit} (${status})`];
    }
    case 'max-time':
      return [status === 'built' && seconds <= expectation.seconds, `${seconds.toFixed(1)}s`];
    case 'max-size':
      if (probe === undefined) return [false, noImage];
      return [probe.size <= expectation.bytes, formatBytes(probe.size)];
    case 'must-contain':
    case 'must-not-contain': {
      if (probe === undefined) return [false, noImage];
      const {kind, name} = expectation.item;
      const found =
        kind === 'file'
          ? (await probe.hasFile(name))
            ? 'there'
            : undefined
          : (await probe.packages()).find((one) => one.name === name || `${one.name}:${one.architecture}` === name)
              ?.version;
      return [(found !== undefined) === (expectation.kind === 'must-contain'), found ?? 'not there'];
    }
    default:
      throw new Error(`unreachable: ${JSON.stringify(expectation satisfies never)}`);
  }
}
