import test from 'ava';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {expectsPackage} from '../../engine/job/expects-package.js';
import {planBuild} from '../../engine/plan/plan-build.js';

const cases: readonly (readonly [title: string, builder: string, path: string, expected: boolean])[] = [
  ['dpkg-buildpackage', 'RUN dpkg-buildpackage -b', '/out', true],
  ['a .deb that is moved', 'RUN mv *.deb /out', '/out', true],
  ['a path called artifacts', 'RUN make', '/tmp/artifacts', true],
  ['a compiled program', 'RUN go build -o /app', '/app', false],
  ['a word that only begins like one', 'RUN echo .debug', '/out', false],
];

for (const [title, builder, path, expected] of cases) {
  test(`${title}: a package is ${expected ? '' : 'not '}expected`, (t) => {
    const text = `FROM scratch AS builder\n${builder}\nFROM scratch\nCOPY --from=builder ${path} /x\n`;
    t.is(expectsPackage(planBuild(parseDockerfile(text))), expected);
  });
}
