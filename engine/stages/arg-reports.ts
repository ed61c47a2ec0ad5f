import type {Globals} from './globals.js';
import type {ArgReport} from './graph.js';
import type {ResolvedStage} from './resolve-stage.js';
import type {Declaration} from './scope.js';

function report({binding, used}: Declaration, stage: string | null): ArgReport {
  return {...binding, stage, used};
}

/** Every ARG that the Dockerfile declares: the global ones first, then stage by stage. */
export function argReports(globals: Globals, resolved: readonly ResolvedStage[]): readonly ArgReport[] {
  return [
    ...globals.declared.map((declaration) => report(declaration, null)),
    ...resolved.flatMap(({stage, declarations}) => declarations.map((each) => report(each, stage.label))),
  ];
}
