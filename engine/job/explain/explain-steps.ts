import type {Plan} from '../../plan/plan.js';
import type {BuildRecord, Cause, RecordedStep} from '../../store/build-record.js';
import type {Fact, Facts, ListedFile} from '../../store/facts.js';
import {advise} from './advice.js';
import type {WhyGone} from './file-changes.js';
import {matchSteps} from './match-steps.js';
import {ownCauses} from './own-causes.js';
import {changed, text} from './values.js';

/** A build whose steps are to be explained: one that has just ended, or one that is planned. */
export interface ExplainedBuild extends Pick<BuildRecord, 'driver' | 'target' | 'fresh' | 'steps'> {
  readonly plan: Plan;
  readonly facts: Facts;
  readonly whyGone: WhyGone;
}

/** Builds before it. */
export interface EarlierBuilds {
  /** Of the same project and driver, newest first. */
  readonly records: readonly BuildRecord[];
  readonly facts: (record: BuildRecord) => Facts | undefined;
  readonly fileList: (digest: string) => readonly ListedFile[] | undefined;
}

/** The same step in an earlier build. */
interface Same {
  readonly record: BuildRecord;
  readonly facts: Facts;
  readonly step: RecordedStep;
  /** Ids of the later build by those of this one, and the other way round. */
  readonly later: ReadonlyMap<string, string>;
  readonly earlier: ReadonlyMap<string, string>;
}

/** Why each step that ran (or will) did so, by its id. Steps from the cache are not there. */
export function explainSteps(build: ExplainedBuild, past: EarlierBuilds): ReadonlyMap<string, readonly Cause[]> {
  const matches = new Map<BuildRecord, Pick<Same, 'later' | 'earlier'>>();
  const byId = new Map(build.steps.map((step) => [step.id, step]));
  const causes = new Map<string, readonly Cause[]>();
  const chosen = new Map<string, Same | undefined>();
  for (const step of build.steps) {
    if (!step.cached && step.instruction !== 'FROM') causes.set(step.id, why(step));
  }
  for (const step of build.steps) {
    if (!step.cached && step.instruction === 'FROM') causes.set(step.id, fromCauses(step));
  }
  return advise(build, causes);

  function matchOf(record: BuildRecord): Pick<Same, 'later' | 'earlier'> {
    const known = matches.get(record);
    if (known !== undefined) return known;
    const earlier = matchSteps(record.steps, build.steps);
    const made = {earlier, later: new Map([...earlier].map(([now, old]) => [old, now]))};
    matches.set(record, made);
    return made;
  }

  /** Once for each step. */
  function sameStep(step: RecordedStep): Same | undefined {
    if (!chosen.has(step.id)) chosen.set(step.id, lookUp(step));
    return chosen.get(step.id);
  }

  /**
   * In the last build that has it as it is written, over the same if one has, else beside what the step before it was
   * compared with; else in the last that has one like it.
   */
  function lookUp(step: RecordedStep): Same | undefined {
    const above = step.parent === null ? undefined : byId.get(step.parent);
    const beside = above === undefined ? undefined : sameStep(above)?.record;
    let [written, alike]: (Same | undefined)[] = [];
    const before = inputOf(build.facts, step.id, 'before');
    for (const record of past.records) {
      const match = matchOf(record);
      const old = record.steps.find(({id}) => id === match.earlier.get(step.id));
      const facts = old === undefined ? undefined : past.facts(record);
      if (old === undefined || facts === undefined) continue;
      const found = {...match, record, facts, step: old};
      alike ??= found;
      if (old.written !== step.written) continue;
      if (inputOf(facts, old.id, 'before') === before) return found;
      if (written === undefined || record === beside) written = found;
    }
    return written ?? alike;
  }

  function why(step: RecordedStep): readonly Cause[] {
    const {fresh} = build;
    if (fresh.all) return [plain('no-cache', '--no-cache', '--no-cache was given')];
    if (fresh.stages.some((name) => name.toLowerCase() === step.stage)) {
      return [plain('no-cache', '--no-cache-filter', `--no-cache-filter ${step.stage} was given`)];
    }
    const same = sameStep(step);
    if (same === undefined) return [unknownStep(step)];
    const own = ownOf(step, same).map((cause) => (cause.kind === 'files' ? ofStage(cause, step) : cause));
    const before = beforeCauses(step, same, own);
    const found = [...own, ...sourceCauses(step, same), ...before];
    if (found.length > 0) return found;
    if (same.step.failed) return [plain('failed', step.id, 'it failed in the build before')];
    const keeper = build.driver === 'embedded' ? 'the store' : 'the daemon';
    return [plain('lost', step.id, `${keeper} did not have its result any more`)];
  }

  /** Files of another stage are others because something in it ran. */
  function ofStage(cause: Cause, step: RecordedStep): Cause {
    const ran = step.inputs
      .flatMap((id) => (id === step.parent ? [] : (byId.get(id) ?? [])))
      .find(({cached, stage}) => !cached && stage !== step.stage);
    if (ran === undefined) return cause;
    return {...cause, text: `${cause.text}; stage ${ran.stage}, which they are from, was built again`};
  }

  function unknownStep(step: RecordedStep): Cause {
    const [last] = past.records;
    if (last === undefined) return plain('new', step.id, 'it is the first build');
    const known = past.records.some(({steps}) => steps.some(({stage}) => stage === step.stage));
    if (known || last.target === build.target) return plain('new', step.id, 'the instruction is new');
    const target = changed('target', '--target', 'the target', last.target, build.target);
    return {...target, text: `stage ${step.stage} was not built before: ${target.text}`};
  }

  function ownOf(step: RecordedStep, {facts, step: old}: Same): readonly Cause[] {
    return ownCauses({
      before: facts.get(old.id) ?? [],
      after: build.facts.get(step.id) ?? [],
      sameText: old.written === step.written,
      sameLine: lineOf(old) === lineOf(step),
      fileList: past.fileList,
      whyGone: build.whyGone,
    });
  }

  /** What it starts from is not what it was. */
  function beforeCauses(step: RecordedStep, same: Same, own: readonly Cause[]): readonly Cause[] {
    const now = inputOf(build.facts, step.id, 'before');
    const was = inputOf(same.facts, same.step.id, 'before');
    if (now === was || now === undefined) return [];
    const parent = parentOf(step);
    const oldParent = same.record.steps.find(({id}) => id === same.step.parent);
    const first = parent === undefined || parent.instruction === 'FROM';
    if (first && (oldParent === undefined || oldParent.instruction === 'FROM')) return baseCauses(step, same);
    if (!first && !parent.cached) return [ranAgain(parent)];
    const matched = parent === undefined ? undefined : same.earlier.get(parent.id);
    if (parent === undefined || matched !== oldParent?.id) return [moved(parent, oldParent)];
    // It is cached from a build before the last one: what differs there is what counts.
    const parentSame = oldParent === undefined ? undefined : {...same, step: oldParent};
    const theirs = parentSame === undefined ? [] : ownOf(parent, parentSame);
    const further = parentSame === undefined ? [] : beforeCauses(parent, parentSame, theirs);
    const told = new Set(own.map(({kind, name}) => `${kind} ${name}`));
    return [...theirs, ...further].filter(({kind, name}) => !told.has(`${kind} ${name}`));
  }

  function parentOf(step: RecordedStep): RecordedStep | undefined {
    return step.parent === null ? undefined : byId.get(step.parent);
  }

  /** The base image is another one. */
  function baseCauses(step: RecordedStep, same: Same): readonly Cause[] {
    const from = build.plan.graph.stages.find(({label}) => label === step.stage)?.fromId;
    if (from === undefined) return [];
    return ownCauses({
      before: same.facts.get(`${same.step.stage}.0`) ?? [],
      after: build.facts.get(from) ?? [],
      sameText: false,
      sameLine: false,
      fileList: past.fileList,
      whyGone: build.whyGone,
    });
  }

  /** Other stages and images that it reads. */
  function sourceCauses(step: RecordedStep, same: Same): readonly Cause[] {
    const names = (build.facts.get(step.id) ?? []).flatMap(({kind, name}) =>
      kind === 'input' && name !== 'before' ? [name] : [],
    );
    return names.flatMap((name): readonly Cause[] => {
      const [was, now] = [inputOf(same.facts, same.step.id, name), inputOf(build.facts, step.id, name)];
      if (was === now || was === undefined) return [];
      const others = step.inputs.flatMap((id) => (id === step.parent ? [] : (byId.get(id) ?? [])));
      const ran = others.find(({cached}) => !cached);
      if (ran !== undefined) {
        const at = `step ${ran.id} (line ${ran.line})`;
        return [plain('stage', ran.id, `stage ${ran.stage}, which it reads, was built again: ${at} ran`)];
      }
      return [changed('image', name, 'what it reads', text(was), text(now))];
    });
  }

  function fromCauses(step: RecordedStep): readonly Cause[] {
    const same = sameStep(step);
    const base = same === undefined ? [] : baseCauses(step, same);
    return base.length > 0 ? base : [plain('new', step.id, 'the image was not there')];
  }
}

/** The instruction without its here-documents. */
const lineOf = ({written}: RecordedStep): string => written.split('\n', 1)[0] ?? '';

function ranAgain({id, line}: RecordedStep): Cause {
  return plain('step', id, `step ${id} (line ${line}) ran again`);
}

function moved(now: RecordedStep | undefined, before: RecordedStep | undefined): Cause {
  const shown = (step: RecordedStep | undefined): string =>
    step === undefined ? 'the start of the stage' : `"${step.written.split('\n', 1)[0]?.slice(0, 60) ?? ''}"`;
  return {
    kind: 'order',
    name: now?.id ?? '',
    before: shown(before),
    after: shown(now),
    text: `the order of the steps changed: it came after ${shown(before)} and comes after ${shown(now)} now`,
  };
}

function plain(kind: Cause['kind'], name: string, text: string): Cause {
  return {kind, name, before: null, after: null, text};
}

function inputOf(facts: Facts, id: string, name: string): unknown {
  return facts.get(id)?.find((fact: Fact) => fact.kind === 'input' && fact.name === name)?.value;
}
