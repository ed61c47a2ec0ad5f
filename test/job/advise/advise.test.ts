import test from 'ava';
import {adviseByUse} from '../../../engine/job/advise/advise.js';
import type {Use} from '../../../engine/job/advise/finding.js';
import {needsCopy} from '../../../engine/job/advise/needs-copy.js';
import type {BuildRecord, Cause} from '../../../engine/store/build-record.js';
import type {Fact, ListedFile} from '../../../engine/store/facts.js';
import {graphOf} from '../../helpers/graph.js';
import {recordedStep, recordOf} from '../../helpers/record.js';

/** One build: what each line of the Dockerfile was made of. */
interface Build {
  readonly args?: Readonly<Record<string, string>>;
  readonly image?: string;
  /** Why the step of a line ran; the others came from the cache. */
  readonly ran?: Readonly<Record<number, readonly Cause[]>>;
  /** Files that the step of a line read, each with its digest. */
  readonly files?: Readonly<Record<number, Readonly<Record<string, string>>>>;
  /** Names of the variables that a line depends on. */
  readonly uses?: Readonly<Record<number, readonly string[]>>;
  /** Line of a step of which nothing more is known. */
  readonly lost?: number;
}

const cause = (kind: Cause['kind'], name: string): Cause => ({kind, name, before: null, after: null, text: ''});

/** The steps take one second each. `gone`: the lists of files are not kept any more. */
function useOf(
  dockerfile: string,
  builds: readonly Build[],
  more: {sent?: readonly string[]; gone?: boolean} = {},
): Use {
  const graph = graphOf(dockerfile);
  const facts = new Map<string, ReadonlyMap<string, readonly Fact[]>>();
  const lists = new Map<string, readonly ListedFile[]>();
  const records = builds.map(
    ({args = {}, image = 'same', ran = {}, files = {}, uses = {}, lost}, index): BuildRecord => {
      const parts = new Map<string, readonly Fact[]>();
      const steps = graph.stages.flatMap((stage) =>
        stage.steps.flatMap((step) => {
          if (step.operation.kind === 'config') return [];
          const read = Object.entries(files[step.line] ?? {});
          const digest = JSON.stringify(read);
          lists.set(
            digest,
            read.map(([path, of]) => ({path: `/${path}`, mode: '644', digest: of})),
          );
          const variables = (uses[step.line] ?? []).map((name) => ({kind: 'arg', name, value: args[name] ?? null}));
          if (step.line !== lost)
            parts.set(step.id, [
              ...(read.length > 0 ? [{kind: 'content', name: 'files', value: digest}] : []),
              ...variables,
            ]);
          const {original} = step.statement.instruction;
          const causes = ran[step.line];
          const more = {
            id: step.id,
            stage: stage.label,
            line: step.line,
            written: original.trim(),
            causes: causes ?? [],
          };
          return [recordedStep('', {...more, instruction: original.split(' ')[0] ?? '', cached: causes === undefined})];
        }),
      );
      facts.set(String(index), parts);
      const given = Object.entries(args).map(([name, value]) => ({name, value, origin: 'build-arg', stage: null}));
      const record = recordOf({target: 'app', args: given, steps, facts: String(index)});
      return {...record, id: String(index), time: '', image: {configDigest: image, manifestDigest: null}};
    },
  );
  return {
    graph,
    redact: (text) => text,
    past: {
      records: records.toReversed(),
      facts: (record) => facts.get(record.facts ?? ''),
      fileList: (digest) => (more.gone === true ? undefined : lists.get(digest)),
    },
    sent: more.sent?.map((path) => ({path, size: 1})),
  };
}

const stages = `FROM scratch AS builder
ARG A=1
RUN one
RUN two $A
COPY src /src
RUN three
FROM scratch AS app
ARG L=1
COPY --from=builder /src /
LABEL l=$L`;

const uses = {3: ['A'], 4: ['A'], 6: ['A']};
const [notes1, notes2] = [{5: {'src/n': '1', 'src/u': '1'}}, {5: {'src/n': '2', 'src/u': '1'}}];
const argRan = {
  3: [cause('arg', 'A')],
  4: [cause('step', 'builder.2'), cause('arg', 'A')],
  5: [cause('step', 'builder.3')],
  6: [cause('step', 'builder.4')],
};
const copyRan = {5: [cause('files', 'files')], 6: [cause('step', 'builder.4')]};

const table: readonly {name: string; use: Use; expected: readonly string[]}[] = [
  {name: 'no build', use: useOf(stages, [], {sent: ['a']}), expected: []},
  {name: 'one build', use: useOf(stages, [{args: {A: '1'}, uses}]), expected: []},
  {
    name: 'an argument that no ARG declares',
    use: useOf(stages, [{args: {B: '1', SOURCE_DATE_EPOCH: '1', http_proxy: 'p'}}]),
    expected: ['arg 0 B 1 0s'],
  },
  {
    name: 'an argument that changed steps and no image',
    use: useOf(stages, [
      {args: {A: '1'}, uses},
      {args: {A: '2'}, uses, ran: argRan},
    ]),
    expected: ['arg 2 A 1 4s', 'move 2 A 1 1s'],
  },
  {
    name: 'an argument that changed the image',
    use: useOf(stages, [
      {args: {A: '1'}, uses},
      {args: {A: '2'}, uses, image: 'other'},
    ]),
    expected: [],
  },
  {
    name: 'an argument that changed the image once of two times',
    use: useOf(stages, [
      {args: {A: '1'}, uses},
      {args: {A: '2'}, uses},
      {args: {A: '3'}, uses, image: 'other'},
    ]),
    expected: [],
  },
  {
    name: 'an argument that changed nothing while something else did',
    use: useOf(stages, [{args: {A: '1'}}, {args: {A: '2'}, image: 'other'}]),
    expected: ['arg 2 A 1 0s'],
  },
  {
    name: 'an argument, and a step of which nothing is known',
    use: useOf(stages, [{args: {A: '1'}}, {args: {A: '2'}, image: 'other', lost: 6}]),
    expected: [],
  },
  {
    name: 'an argument in a label',
    use: useOf(stages, [{args: {L: '1'}}, {args: {L: '2'}, image: 'other'}]),
    expected: [],
  },
  {name: 'an argument with one value', use: useOf(stages, [{args: {L: '1'}}, {args: {L: '1'}}]), expected: []},
  {
    name: 'a file that changed no image',
    use: useOf(stages, [{files: notes1}, {files: notes2, ran: copyRan}]),
    expected: ['files 5 src/n 1 2s', 'move 5 src 1 1s'],
  },
  {
    name: 'a file that changed the image',
    use: useOf(stages, [{files: notes1}, {files: notes2, image: 'other'}]),
    expected: [],
  },
  {
    name: 'a file that changed the image once of two times',
    use: useOf(stages, [{files: notes1}, {files: notes2}, {files: notes1, image: 'other'}]),
    expected: [],
  },
  {
    name: 'files that another stage left',
    use: useOf(stages, [{files: {9: {x: '1'}}}, {files: {9: {x: '2'}}}]),
    expected: [],
  },
  {
    name: 'files that nothing reads',
    use: useOf(stages, [{files: notes1}], {sent: ['Dockerfile', 'doc/a', 'doc/b/c', 'src/n', 'src/u', 'src/x']}),
    expected: ['unread 0 doc/,src/x 1 0s'],
  },
  {
    name: 'files of which it is not known',
    use: useOf(stages, [{files: notes1}], {sent: ['doc/a'], gone: true}),
    expected: [],
  },
  {
    name: 'a COPY above an installation',
    use: useOf('FROM scratch AS app\nWORKDIR /w\nCOPY . .\nRUN apt-get update && apt-get install -y gcc\nRUN make', [
      {files: {3: {a: '1'}}},
      {
        files: {3: {a: '2'}},
        image: 'other',
        ran: {3: [cause('files', 'files')], 4: [cause('step', 'app.2')], 5: [cause('step', 'app.3')]},
      },
    ]),
    expected: ['move 3 . 1 1s'],
  },
  {
    name: 'a step that ran for another reason too',
    use: useOf('FROM scratch AS app\nWORKDIR /w\nCOPY . .\nRUN apt-get install -y gcc\nRUN make', [
      {ran: {3: [cause('files', 'files')], 4: [cause('step', 'app.2'), cause('env', 'E')]}},
      {ran: {3: [cause('files', 'files'), cause('step', 'app.1')], 4: [cause('step', 'app.2')]}},
    ]),
    expected: [],
  },
];

for (const {name, use, expected} of table) {
  test(`advice by use: ${name}`, (t) => {
    const told = adviseByUse(use).map(
      ({kind, line, names, builds, seconds}) => `${kind} ${line} ${names.join()} ${builds} ${seconds}s`,
    );
    t.deepEqual(told, expected);
  });
}

test('a COPY may only go below what can do without it', (t) => {
  const needs: readonly (readonly [copy: string, later: string, needed: boolean])[] = [
    ['COPY . .', 'RUN make', true],
    ['COPY . .', 'RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y gcc', false],
    ['COPY . .', 'RUN apt-get update && apt-get install -y gcc && rm -rf /var/lib/apt/lists/*', false],
    ['COPY . .', 'RUN apt-get install -y ./own.deb', true],
    ['COPY . .', 'RUN apt-get install -y $(cat packages)', true],
    ['COPY . .', 'RUN apt-get update && make', true],
    ['COPY src /opt/src', 'RUN make', false],
    ['COPY src /opt/src', 'RUN make -C /opt/src', true],
    ['COPY src /opt/src', 'RUN find / -name *.c', true],
    ['COPY sources.list /etc/apt/', 'RUN apt-get update', true],
    ['COPY key.gpg /usr/share/keyrings/', 'RUN apt-get update', true],
    ['COPY root /', 'RUN apt-get update', true],
    ['COPY src /opt/src', 'COPY other /opt/other', false],
    ['COPY src /opt/src', 'COPY other /opt/', true],
    ['COPY src here', 'WORKDIR /elsewhere', true],
    ['COPY src /opt/src', 'WORKDIR /elsewhere', false],
    ['COPY $V /opt/src', 'ENV V=2', true],
  ];
  for (const [copy, later, needed] of needs) {
    const [, first, second] = graphOf(`FROM scratch\nWORKDIR /w\n${copy}\n${later}`).stages[0]?.steps ?? [];
    t.is(first !== undefined && second !== undefined && needsCopy(second, first), needed, `${copy}; ${later}`);
  }
});
