import type {ConformanceCase} from '../case.js';

const base = 'FROM conformance-base\n';

/** RUN --mount of every type. */
export const mountCases: readonly ConformanceCase[] = [
  {
    name: 'RUN --mount=type=bind of the context',
    dockerfile: `${base}RUN --mount=type=bind,target=/ctx cp -r /ctx /out\n`,
    context: {a: 'a\n', 'd/b': 'b\n'},
  },
  {
    name: 'RUN --mount bind is the default type',
    dockerfile: `${base}RUN --mount=target=/ctx,source=d ls /ctx > /out\n`,
    context: {a: 'a\n', 'd/b': 'b\n'},
  },
  {
    name: 'RUN --mount=type=bind of a file',
    dockerfile: `${base}RUN --mount=type=bind,source=d/b,target=/new/dir/f cat /new/dir/f > /out\n`,
    context: {'d/b': 'b\n'},
  },
  {
    name: 'RUN --mount=type=bind is read-only',
    dockerfile: `${base}RUN --mount=type=bind,target=/ctx echo x > /ctx/a\n`,
    context: {a: 'a\n'},
  },
  {
    name: 'RUN --mount=type=bind,rw keeps nothing',
    dockerfile: `${base}RUN --mount=type=bind,target=/ctx,rw echo x > /ctx/a && cat /ctx/a > /out\nRUN --mount=type=bind,target=/ctx cat /ctx/a >> /out\n`,
    context: {a: 'a\n'},
  },
  {
    name: 'RUN --mount=type=bind of another stage',
    dockerfile: `FROM conformance-base AS other\nRUN mkdir /x && echo o > /x/o\n${base}RUN --mount=type=bind,from=other,source=/x,target=/y cat /y/o > /out\n`,
  },
  {
    name: 'RUN --mount=type=bind of an image',
    dockerfile: `${base}RUN --mount=from=conformance-rich,target=/img ls /img/home > /out\n`,
  },
  {
    name: 'RUN --mount=type=bind of a source that is not there fails',
    dockerfile: `${base}RUN --mount=source=nope,target=/ctx true\n`,
    says: /nope/,
    context: {a: 'a\n'},
  },
  {
    name: 'RUN --mount at a directory of the base',
    dockerfile: `${base}RUN --mount=source=d,target=/srv/data ls /srv/data > /out\n`,
    context: {'d/n': 'n\n'},
  },
  {
    name: 'RUN --mount with a relative target',
    dockerfile: `${base}WORKDIR /w\nRUN --mount=source=d,target=rel ls rel > out\n`,
    context: {'d/n': 'n\n'},
  },
  {
    name: 'RUN --mount=type=cache',
    dockerfile: `${base}RUN --mount=type=cache,target=/cache,id=c1 echo x > /cache/x\nRUN --mount=type=cache,target=/other,id=c1 ls /other > /out; stat -c '%a %u:%g' /other >> /out\n`,
  },
  {
    name: 'RUN --mount=type=cache with owner and mode',
    dockerfile: `${base}USER alice\nRUN --mount=type=cache,target=/cache,id=c2,uid=1000,gid=50,mode=0700 stat -c '%a %u:%g' /cache > /tmp/out\n`,
  },
  {
    name: 'RUN --mount=type=cache from a stage',
    dockerfile: `FROM conformance-base AS seed\nRUN mkdir /s && echo s > /s/s\n${base}RUN --mount=type=cache,target=/cache,id=c3,from=seed,source=/s ls /cache > /out\n`,
  },
  {
    name: 'RUN --mount=type=cache,ro',
    dockerfile: `${base}RUN --mount=type=cache,target=/cache,id=c4,ro echo x > /cache/x\n`,
  },
  {
    name: 'RUN --mount=type=tmpfs',
    dockerfile: `${base}RUN --mount=type=tmpfs,target=/srv/data ls /srv/data > /out; echo x > /srv/data/x\n`,
  },
  {
    name: 'RUN --mount=type=tmpfs with a size',
    dockerfile: `${base}RUN --mount=type=tmpfs,target=/t,size=1m dd if=/dev/zero of=/t/x bs=1M count=3 2>/dev/null || echo full > /out\n`,
  },
  {
    name: 'RUN --mount=type=tmpfs has the mode of what it covers',
    dockerfile: `${base}RUN --mount=type=tmpfs,target=/root --mount=type=tmpfs,target=/tmp --mount=type=tmpfs,target=/srv/empty --mount=type=tmpfs,target=/new stat -c '%n %a %u:%g' /root /tmp /srv/empty /new > /out\n`,
  },
  {
    name: 'RUN --mount=type=tmpfs of a user who may not write there',
    dockerfile: `${base}USER alice\nRUN --mount=type=tmpfs,target=/srv/empty touch /srv/empty/x\n`,
  },
  {
    name: 'RUN --mount=type=tmpfs of size 0 has no limit',
    dockerfile: `${base}RUN --mount=type=tmpfs,target=/t,size=0 dd if=/dev/zero of=/t/x bs=1k count=64 2>/dev/null && echo fits > /out\n`,
  },
  {
    name: 'RUN --mount=type=tmpfs with a source fails',
    dockerfile: `${base}RUN --mount=type=tmpfs,target=/t,source=/x true\n`,
  },
  {
    name: 'RUN --mount=type=secret',
    dockerfile: `${base}RUN --mount=type=secret,id=s cat /run/secrets/s > /out; stat -c '%a %u:%g' /run/secrets/s >> /out\n`,
    flags: ['--secret', 'id=s,src=$BESIDE/secret'],
    beside: {secret: 'hush\n'},
  },
  {
    name: 'RUN --mount=type=secret with a target, mode and owner',
    dockerfile: `${base}RUN --mount=type=secret,id=s,target=/x/y,mode=0444,uid=5,gid=6 stat -c '%a %u:%g' /x/y > /out\n`,
    flags: ['--secret', 'id=s,src=$BESIDE/secret'],
    beside: {secret: 'hush\n'},
  },
  {
    name: 'RUN --mount=type=secret as a variable',
    dockerfile: `${base}RUN --mount=type=secret,id=s,env=TOKEN echo "$TOKEN" > /out; ls /run/secrets >> /out 2>&1; true\n`,
    flags: ['--secret', 'id=s,src=$BESIDE/secret'],
    beside: {secret: 'hush'},
  },
  {
    name: 'RUN --mount=type=secret that is not given is left out',
    dockerfile: `${base}RUN --mount=type=secret,id=none ls /run/secrets > /out 2>&1; true\n`,
  },
  {
    name: 'RUN --mount=type=secret,required fails without it',
    dockerfile: `${base}RUN --mount=type=secret,id=none,required true\n`,
    says: /none/,
  },
  {
    name: 'RUN with several mounts',
    dockerfile: `${base}RUN --mount=type=tmpfs,target=/m --mount=source=d,target=/m/d --mount=source=f,target=/m/f ls -R /m > /out\n`,
    context: {'d/n': 'n\n', f: 'f\n'},
  },
  {name: 'RUN --mount of an unknown type fails', dockerfile: `${base}RUN --mount=type=magic,target=/x true\n`},
  {
    name: 'RUN --mount with an unknown option fails',
    dockerfile: `${base}RUN --mount=type=bind,target=/x,colour=red true\n`,
  },
  {name: 'RUN --mount without a target fails', dockerfile: `${base}RUN --mount=type=bind true\n`},
  {name: 'RUN --mount at the root fails', dockerfile: `${base}RUN --mount=type=bind,target=/ true\n`},
  {
    name: 'RUN --mount with variables',
    dockerfile: `${base}ARG T=/via\nRUN --mount=type=bind,target=$T,source=d ls /via > /out\n`,
    context: {'d/n': 'n\n'},
  },
  {
    name: 'RUN --mount target through a link of the image',
    dockerfile: `${base}RUN --mount=type=bind,target=/srv/link/m,source=d ls /srv/data/m > /out\n`,
    context: {'d/n': 'n\n'},
  },
];
