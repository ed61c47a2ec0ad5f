import type {Stage, StageStep} from '../../stages/graph.js';
import {count} from '../../progress/format.js';
import {mentions} from '../explain/advice.js';
import type {BuildChange} from './build-changes.js';
import type {Finding, Use} from './finding.js';
import {rerunBecause, secondsOf} from './rerun-seconds.js';
import {firstLine} from './step-place.js';

/** They are for the builder, or for what a step fetches: no ARG has to declare them. */
const builtIn = /^(?:SOURCE_DATE_EPOCH|BUILDKIT_.*|(?:https?|ftp|no|all)_proxy)$/i;

/** Build arguments that were given, and that no build came out differently for. */
export function unusedArgs(use: Use, changes: readonly BuildChange[]): readonly Finding[] {
  const {graph, past} = use;
  const names = new Set(past.records.flatMap(({args}) => args.map(({name}) => name)));
  return [...names].flatMap((name): readonly Finding[] => {
    if (builtIn.test(name)) return [];
    const values = new Set(past.records.map(({args}) => valueOf(args, name)));
    const given = past.records.filter(({args}) => valueOf(args, name) !== undefined).length;
    const {args} = graph;
    const declared = args.filter((arg) => arg.name === name && arg.line > 0);
    if (declared.length === 0) {
      const text = `--build-arg ${name} was given in ${count(given, 'build')}, and no ARG declares it`;
      return [{kind: 'arg', line: 0, instruction: '', names: [name], builds: given, seconds: 0, text}];
    }
    const varied = changes.filter(({before, after}) => valueOf(before.args, name) !== valueOf(after.args, name));
    const inConfig = graph.stages.some((stage) => configMentions(stage, name));
    const isOfUse = ({sameResult, sameConfig, known, variables}: BuildChange): boolean =>
      (!sameResult && (!known || variables.has(name))) || (inConfig && !sameConfig);
    if (varied.length === 0 || varied.some(isOfUse)) return [];
    const ran = varied.flatMap(({after}) =>
      rerunBecause(after, (_, {kind, name: of}) => kind === 'arg' && of === name),
    );
    const steps = ran.length === 0 ? '' : `, though ${count(ran.length, 'step')} ran again for it`;
    const text = `${count(values.size, 'value')} of --build-arg ${name} in ${count(past.records.length, 'build')} changed no result${steps}`;
    const line = (declared.find(({stage}) => stage !== null) ?? declared[0])?.line ?? 0;
    const instruction = instructionAt(use, line) ?? `ARG ${name}`;
    return [{kind: 'arg', line, instruction, names: [name], builds: varied.length, seconds: secondsOf(ran), text}];
  });
}

function valueOf(args: readonly {readonly name: string; readonly value: string}[], name: string): string | undefined {
  return args.findLast((arg) => arg.name === name)?.value;
}

/** Instructions that only change the image config have no key; what they came to is in the image alone. */
function configMentions({steps}: Stage, name: string): boolean {
  const isConfig = ({operation, statement}: StageStep): boolean =>
    operation.kind === 'config' && statement.kind !== 'arg';
  return steps.some((step) => isConfig(step) && mentions(step, name));
}

function instructionAt(use: Use, line: number): string | undefined {
  const step = use.graph.stages.flatMap(({steps}) => steps).find((one) => one.line === line);
  return step === undefined ? undefined : firstLine(step, use);
}
