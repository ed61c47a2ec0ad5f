import type {ConformanceCase} from '../case.js';

const base = 'FROM conformance-base\n';

const one = (name: string, dockerfile: string, more: Partial<ConformanceCase> = {}): ConformanceCase => ({
  name,
  dockerfile,
  ...more,
});

const seeded = 'FROM conformance-base AS s\nRUN mkdir -p /c/d && chmod 711 /c && chown 3:4 /c\nFROM conformance-base\n';
const looks = "stat -c '%a %u:%g' /m > /out && ls /m >> /out\n";

/** What random Dockerfiles showed. */
export const foundCases: readonly ConformanceCase[] = [
  one(
    'WORKDIR is written into the history as it stands',
    `${base}ENV V=/x//y\nWORKDIR //w//d\nWORKDIR /a/../b/\nWORKDIR $V/../z\nWORKDIR c//d/\nWORKDIR ..\n`,
  ),
  one('WORKDIR to the root in other spellings makes layers', `${base}WORKDIR /\nWORKDIR /.\nWORKDIR .\nWORKDIR /..\n`),
  one(
    'ONBUILD keeps its here-documents',
    `${base}ONBUILD RUN <<-EOF\n\techo a\n\tEOF\nonbuild copy <<A <<"B" /x/\na $V\nA\nb\nB\nONBUILD COPY <<E /y\nE\n`,
  ),
  one('ONBUILD keeps the space at the end of a line', `${base}ONBUILD ADD . /new/  \nONBUILD ENV a=b\\\n  c=d\t\n`),
  one(
    'a cache with an owner does not begin with the root of a stage',
    `${seeded}RUN --mount=type=cache,id=f1,target=/m,from=s,uid=7 ${looks}`,
  ),
  one(
    'a cache that begins with a directory keeps its owner and mode',
    `${seeded}RUN --mount=type=cache,id=f2,target=/m,from=s,source=/c,uid=7,mode=0700 ${looks}`,
  ),
  one(
    'a cache that begins with a file is one',
    `FROM conformance-base AS s\n${base}RUN --mount=type=cache,id=f3,target=/m,from=s,source=/srv/link/a echo m >> /m && cat /m > /out\n`,
  ),
  one(
    'the mode of a cache or a secret has permissions only',
    `${base}RUN --mount=type=cache,id=f4,target=/m,mode=02750 --mount=type=secret,id=s,mode=04755 stat -c %a /m /run/secrets/s > /out\n`,
    {flags: ['--secret', 'id=s,env=CASE_SECRET']},
  ),
  one('a pattern of the ignore file that begins with # behind a slash', 'FROM scratch\nCOPY . /\n', {
    context: {'#a/b': 'b\n', '#a/c': 'c\n', '.dockerignore': '/#a/b\n# a comment\n'},
  }),
  one(
    'a mount point that is missing in a read-only mount above it fails',
    `${base}RUN --mount=from=conformance-rich,target=/m --mount=type=tmpfs,target=/m/at true\n`,
    {says: /\/m\/at/},
  ),
  one(
    'a mount point that is missing in a writable mount above it',
    `${base}RUN --mount=from=conformance-rich,target=/m,rw --mount=type=tmpfs,target=/m/at true\nRUN --mount=from=conformance-rich,target=/m ls /m > /out\n`,
  ),
  one(
    'of two mounts at one target the later is seen',
    `${base}RUN --mount=from=conformance-rich,source=/srv/hard1,target=/m --mount=target=/m ls /m > /out\n`,
    {context: {f: 'f\n'}},
  ),
];
