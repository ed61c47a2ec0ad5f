import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

export interface Workload {
  readonly name: string;
  /** Our time over that of `docker build`, at most. */
  readonly bound: number;
  /** Milliseconds over those of `node -e 0`, at most. */
  readonly overNode?: number;
  /** Lines of the first stage. */
  readonly dockerfile: string;
  /** The same in a bare chroot: run with `$context`, `$root` (a writable overlay of the base) and, for a second stage, `$second`. */
  readonly bare: string;
  readonly files: number;
  /** Bytes of each file. */
  readonly size: number;
  /** What comes before each run. `cold`: nothing is cached; `same`: everything is; `one`: one file was written. */
  readonly before: 'cold' | 'same' | 'one';
  /** An OCI layout with gzip layers is written. */
  readonly oci?: boolean;
}

const makeDeb =
  "mkdir -p p/DEBIAN p/usr && cat f* > p/usr/app && printf 'Package: app\\nVersion: 1\\nArchitecture: all\\n" +
  "Maintainer: a <a@a>\\nDescription: a\\n' > p/DEBIAN/control && dpkg-deb -b p /src/app_1_all.deb";
const installs = [
  'apt-get update && apt-get install -y --no-install-recommends ca-certificates curl',
  'apt-get install -y --no-install-recommends make patch',
  'apt-get install -y --no-install-recommends python3-minimal',
];

export function workloads(base: string): readonly Workload[] {
  const two = {
    dockerfile: `FROM ${base} AS build
WORKDIR /src
COPY . .
RUN ${makeDeb}
FROM ${base}
COPY --from=build /src/app_1_all.deb /tmp/
RUN dpkg -i /tmp/app_1_all.deb
`,
    bare: `mkdir "$root/src" && cp -a "$context/." "$root/src/"
cat >"$root/step" <<'STEP'
cd /src && ${makeDeb}
STEP
chroot "$root" sh /step && cp "$root/src/app_1_all.deb" "$second/tmp/" && chroot "$second" dpkg -i /tmp/app_1_all.deb`,
    files: 1000,
    size: 2000,
  };
  const numbers = Array.from({length: 20}, (_, index) => index);
  const many = {
    dockerfile: `FROM ${base}\nCOPY . /data\n`,
    bare: 'mkdir "$root/data" && cp -a "$context/." "$root/data/"',
    files: 20_000,
    size: 10_240,
  };
  return [
    {name: 'two-stage .deb, nothing changed', bound: 0.35, overNode: 35, before: 'same', ...two},
    {name: 'two-stage .deb, one file changed', bound: 0.65, before: 'one', ...two},
    {name: 'two-stage .deb, cold', bound: 0.65, before: 'cold', ...two},
    {
      name: '20 small RUN steps, cold',
      bound: 0.25,
      dockerfile: `FROM ${base}\n${numbers.map((n) => `RUN echo ${n} > /f${n}\n`).join('')}`,
      bare: numbers.map((n) => `chroot "$root" sh -c 'echo ${n} > /f${n}'`).join('\n'),
      files: 1,
      size: 1,
      before: 'cold',
    },
    {
      name: 'three apt-install steps, OCI gzip',
      bound: 0.85,
      dockerfile: `FROM ${base}\nENV DEBIAN_FRONTEND=noninteractive\n${installs.map((line) => `RUN ${line}\n`).join('')}`,
      bare: `export DEBIAN_FRONTEND=noninteractive
cp /etc/resolv.conf "$root/etc/resolv.conf"
${installs.map((line) => `chroot "$root" sh -c '${line}'`).join('\n')}
tar -C "$upper" -c . | gzip -1 >"$out.gz"`,
      files: 1,
      size: 1,
      before: 'cold',
      oci: true,
    },
    {name: 'COPY of 20,000 files, cold', bound: 0.5, before: 'cold', ...many},
    {name: 'COPY of 20,000 files, nothing changed', bound: 0.4, before: 'same', ...many},
    {name: 'COPY of 20,000 files, one changed', bound: 0.25, before: 'one', ...many},
  ];
}

/** A file that `one` changes, below the context. */
export const changedFile = ({files}: Workload): string => (files > 1000 ? 'd1/f1' : files > 1 ? 'f1' : 'f0');

export function makeContext(directory: string, {dockerfile, files, size}: Workload): void {
  mkdirSync(directory, {recursive: true});
  for (let index = 0; index < files; index++) {
    const parent = files > 1000 ? join(directory, `d${index % 100}`) : directory;
    mkdirSync(parent, {recursive: true});
    writeFileSync(join(parent, `f${index}`), Buffer.alloc(size, `${index} `));
  }
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
}
