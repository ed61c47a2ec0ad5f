import type {ConformanceCase} from '../case.js';

const base = 'FROM conformance-base\n';
const f = {f: 'f\n', 'd/g': 'g\n'};

const one = (name: string, dockerfile: string, more: Partial<ConformanceCase> = {}): ConformanceCase => ({
  name,
  dockerfile,
  ...more,
});

/** Stages, contexts, and which of their files are there. */
export const stageCases: readonly ConformanceCase[] = [
  one('COPY --from a stage by name', `FROM conformance-base AS a\nRUN echo x > /x\n${base}COPY --from=a /x /y\n`),
  one(
    'COPY --from a stage by name in another case',
    `FROM conformance-base AS Make\nRUN echo x > /x\n${base}COPY --from=mAKE /x /y\n`,
  ),
  one('COPY --from a stage by number', `${base}RUN echo x > /x\n${base}COPY --from=0 /x /y\n`),
  one('COPY --from a stage that comes later fails', `${base}COPY --from=b /x /y\nFROM conformance-base AS b\n`),
  one('COPY --from a number that is too large fails', `${base}COPY --from=3 /x /y\n`),
  one('COPY --from itself fails', `FROM conformance-base AS a\nCOPY --from=a /x /y\n`),
  one('COPY --from an image', `FROM scratch\nCOPY --from=conformance-rich /etc/passwd /p\n`),
  one(
    'COPY --from an image that is not there fails',
    `FROM scratch\nCOPY --from=localhost:1/no/such /etc/passwd /p\n`,
    {says: /localhost:1/},
  ),
  one('COPY --from with what is not there fails', `FROM conformance-base AS a\n${base}COPY --from=a /nope /y\n`, {
    says: /nope/,
  }),
  one(
    'COPY --from keeps owners, modes and times',
    `FROM conformance-base AS a\nRUN mkdir -p /t/d && touch -d '2001-01-01 00:00:00' /t/f && chown 3:4 /t/f && chmod 4711 /t/f && ln -s f /t/l && ln /t/f /t/h && mkfifo /t/p && chmod 1770 /t/d\n${base}COPY --from=a /t /t\n`,
  ),
  one(
    'COPY --from a directory with removals',
    `FROM conformance-base AS a\nRUN rm /srv/data/a && echo n > /srv/data/n\nFROM scratch\nCOPY --from=a /srv /srv\n`,
  ),
  one(
    'COPY --from with --chown by name',
    `FROM conformance-base AS a\n${base}COPY --from=a --chown=alice:staff /srv/data /x\n`,
  ),
  one('COPY --from through a link', `FROM conformance-base AS a\nFROM scratch\nCOPY --from=a /srv/link/ /x\n`),
  one(
    'COPY --from with wildcards',
    `FROM conformance-base AS a\nFROM scratch\nCOPY --from=a /srv/data/? /etc/app/*.conf /x/\n`,
  ),
  one('COPY --from the root of a stage', `FROM scratch AS a\nCOPY . /s/\nFROM scratch\nCOPY --from=a / /\n`, {
    context: f,
  }),
  one('FROM a stage', `FROM conformance-base AS a\nENV A=1\nRUN echo x > /x\nFROM a\nRUN echo "$A" > /y\n`),
  one(
    'FROM a stage keeps its config',
    `FROM conformance-base AS a\nUSER alice\nWORKDIR /w\nLABEL a=b\nCMD ["c"]\nSHELL ["/bin/sh", "-ec"]\nFROM a\nENTRYPOINT ["e"]\n`,
  ),
  one('FROM a stage does not see its ARG', `FROM conformance-base AS a\nARG A=1\nFROM a\nRUN echo "[$A]" > /out\n`),
  one(
    'FROM a stage by name in another case',
    `FROM conformance-base AS Abc\nRUN echo x > /x\nFROM aBC\nRUN cat /x > /y\n`,
  ),
  one(
    'FROM a name that hides an image',
    `FROM conformance-base AS conformance-rich\nRUN echo x > /x\nFROM conformance-rich\nRUN ls / > /out\n`,
  ),
  one(
    'a stage of the same name twice',
    `FROM conformance-base AS a\nRUN echo 1 > /1\nFROM conformance-base AS a\nRUN echo 2 > /2\nFROM scratch\nCOPY --from=a / /\n`,
  ),
  one('a stage with a bad name fails', `FROM conformance-base AS 1a\nRUN true\n`),
  one('FROM with two names fails', `FROM conformance-base AS a b\n`),
  one('FROM an image that is not there fails', 'FROM localhost:1/no/such\n', {says: /localhost:1/}),
  one('FROM with a bad reference fails', 'FROM Conformance-BASE\nRUN true\n'),
  one('FROM with --platform', 'FROM --platform=linux/amd64 conformance-base\nRUN true\n'),
  one(
    'FROM with --platform of the build',
    'FROM --platform=$BUILDPLATFORM conformance-base\nARG TARGETARCH\nRUN echo $TARGETARCH > /out\n',
  ),
  one('FROM with a bad --platform fails', 'FROM --platform=nowhere/none/x/y conformance-base\n'),
  one(
    '--target by name',
    `FROM conformance-base AS a\nRUN echo a > /a\nFROM a AS b\nRUN echo b > /b\nFROM b\nRUN exit 1\n`,
    {target: 'b'},
  ),
  one('--target in another case', `FROM conformance-base AS Ab\nRUN echo a > /a\n${base}RUN exit 1\n`, {target: 'aB'}),
  one('--target by number', `${base}RUN echo a > /a\n${base}RUN exit 1\n`, {target: '0', says: /"0"/}),
  one('--target that is not there fails', `${base}RUN true\n`, {target: 'nope', says: /nope/}),
  one('stages that nobody needs are not built', `FROM localhost:1/no/such AS x\nRUN exit 1\n${base}RUN echo y > /y\n`),
  one(
    'a failing stage that is needed fails the build',
    `FROM conformance-base AS x\nRUN exit 4\n${base}COPY --from=x / /x\n`,
    {says: /exit code: 4/},
  ),
  one(
    'two stages with the same step',
    `FROM conformance-base AS a\nRUN echo x > /x\nFROM conformance-base AS b\nRUN echo x > /x\nFROM scratch\nCOPY --from=a /x /a\nCOPY --from=b /x /b\n`,
  ),
  one(
    'a diamond of stages',
    `FROM conformance-base AS top\nRUN echo t > /t\nFROM top AS l\nRUN echo l > /l\nFROM top AS r\nRUN echo r > /r\nFROM top\nCOPY --from=l /l /\nCOPY --from=r /r /\nRUN cat /t /l /r > /all\n`,
  ),
  one(
    'COPY --link from a stage',
    `FROM conformance-base AS a\nRUN echo x > /x\n${base}RUN ln -s /etc /lnk\nCOPY --link --from=a /x /new/y\nRUN cat /new/y > /z\n`,
  ),
  one('COPY over what RUN removed', `${base}RUN rm -r /srv/data\nCOPY d /srv/data\n`, {context: f}),
  one('COPY into a link of the base', `${base}COPY f /srv/link/\n`, {context: f}),
  one('COPY over a file of the base', `${base}COPY f /srv/hard1\n`, {context: f}),
  one('COPY of a directory over a file of the base fails', `${base}COPY d /srv/hard1/\n`, {context: f}),
  one(
    'COPY --chown of a name',
    `${base}COPY --chown=alice f /f\nCOPY --chown=bob:audio d /d\nCOPY --chown=:50 f /h\n`,
    {context: f},
  ),
  one('COPY --chown of a name that is not there fails', `${base}COPY --chown=nope f /f\n`, {context: f, says: /nope/}),
  one(
    'COPY --chown of a name that RUN added',
    `${base}RUN echo 'new:x:55:56::/:/bin/sh' >> /etc/passwd\nCOPY --chown=new f /f\n`,
    {context: f},
  ),
  one('COPY to a relative destination', `${base}WORKDIR /w\nCOPY f d/\nCOPY d .\n`, {context: f}),
  one('COPY as a user belongs to root', `${base}USER alice\nCOPY f /tmp/\n`, {context: f}),
  one('COPY of one file to a new name', `${base}COPY f /x\n`, {context: f}),
  one('.dockerignore', `${base}COPY . /ctx\n`, {context: {...f, '.dockerignore': '*\n!d\nd/skip\n', 'd/skip': 's\n'}}),
  one('.dockerignore hides from RUN --mount', `${base}RUN --mount=target=/ctx find /ctx | sort > /out\n`, {
    context: {...f, '.dockerignore': 'f\n**/h*\n', 'd/hide': 'h\n'},
  }),
  one('.dockerignore hides what COPY names', `${base}COPY f /f\n`, {
    context: {...f, '.dockerignore': 'f\n'},
    says: /ignore/,
  }),
  one('.dockerignore with comments, blanks and a slash', `${base}COPY . /ctx\n`, {
    context: {...f, '.dockerignore': '# c\n\n /f \n./d/\n', 'd/x': 'x\n'},
  }),
  one('a named context', `${base}COPY --from=extra . /x\n`, {
    flags: ['--build-context', 'extra=$BESIDE'],
    beside: {a: 'a\n', 'b/c': 'c\n'},
  }),
  one('a named context with an ignore file', `${base}COPY --from=extra . /x\n`, {
    flags: ['--build-context', 'extra=$BESIDE'],
    beside: {a: 'a\n', b: 'b\n', '.dockerignore': 'b\n'},
  }),
  one('a named context in place of an image', 'FROM other\nRUN true\n', {
    flags: ['--build-context', 'other=docker-image://conformance-base'],
  }),
  one(
    'a named context in place of a stage',
    `FROM conformance-base AS st\nRUN exit 1\nFROM conformance-base\nCOPY --from=st a /a\n`,
    {flags: ['--build-context', 'st=$BESIDE'], beside: {a: 'a\n'}},
  ),
  one('a named context in a mount', `${base}RUN --mount=from=extra,target=/m cat /m/a > /out\n`, {
    flags: ['--build-context', 'extra=$BESIDE'],
    beside: {a: 'a\n'},
  }),
  one(
    'ARG names the stage of a mount',
    `ARG S=a\nFROM conformance-base AS a\nRUN echo x > /x\n${base}RUN --mount=from=a,target=/m cat /m/x > /out\n`,
  ),
  one(
    'COPY --from with a variable fails',
    `FROM conformance-base AS a\nRUN echo x > /x\n${base}ARG S=a\nCOPY --from=$S /x /x\n`,
  ),
  one(
    'many stages in a chain',
    [...Array(12).keys()]
      .map((n) => `FROM ${n === 0 ? 'conformance-base' : `s${n - 1}`} AS s${n}\nRUN echo ${n} > /${n}\n`)
      .join(''),
  ),
  one('many layers', `${base}${[...Array(30).keys()].map((n) => `RUN echo ${n} > /n && touch /f${n}\n`).join('')}`),
  one('ADD of an archive', `${base}ADD t.tar /x/\n`, {
    context: {
      't.tar': {
        tar: [
          {name: 'a', content: 'a\n', uid: 5, gid: 6},
          {name: 'd', type: 'directory'},
          {name: 'd/b', content: 'b\n', mode: 0o4755},
        ],
      },
    },
  }),
  one('ADD over what RUN made', `${base}RUN mkdir -p /x/d && echo o > /x/a\nADD t.tar /x/\n`, {
    context: {
      't.tar': {
        tar: [
          {name: 'a', content: 'a\n'},
          {name: 'd', content: 'file now\n'},
        ],
      },
    },
  }),
];
