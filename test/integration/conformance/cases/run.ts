import type {ConformanceCase} from '../case.js';

const base = 'FROM conformance-base\n';
const rich = 'FROM conformance-rich\n';

/** RUN: what a step sees, what it leaves, and when it fails. */
export const runCases: readonly ConformanceCase[] = [
  // Forms
  {name: 'RUN in shell form', dockerfile: `${base}RUN echo hello > /out\n`},
  {
    name: 'RUN in shell form over several lines',
    dockerfile: `${base}RUN echo a > /out && \\\n  # comment\n  echo b >> /out\n`,
  },
  {
    name: 'RUN opens its outputs by their names',
    dockerfile: `${base}RUN echo a > /dev/stdout && echo b > /dev/stderr && echo c >> /proc/self/fd/1 && touch /out\n`,
  },
  {name: 'RUN in JSON form', dockerfile: `${base}RUN ["/bin/sh", "-c", "echo $0 $1 > /out", "zero", "o ne"]\n`},
  {name: 'RUN in JSON form expands no variables', dockerfile: `${base}ENV A=1\nRUN ["/bin/touch", "/x$A"]\n`},
  {name: 'RUN in JSON form finds a program on PATH', dockerfile: `${base}RUN ["touch", "/out"]\n`},
  {name: 'RUN of a program that is not there fails', dockerfile: `${base}RUN ["/no/such"]\n`, says: /no\/such/},
  {name: 'RUN of a file that cannot be executed fails', dockerfile: `${base}RUN ["/etc/passwd"]\n`},
  {name: 'RUN of a broken JSON array is a shell command', dockerfile: `${base}RUN [ "a", 'b' ] || echo shell > /out\n`},
  {name: 'RUN without a command fails', dockerfile: `${base}RUN\n`},
  {name: 'RUN with an empty JSON array fails', dockerfile: `${base}RUN []\n`},
  {name: 'RUN heredoc', dockerfile: `${base}RUN <<EOF\necho one > /out\necho two >> /out\nEOF\n`},
  {
    name: 'RUN heredoc stops nowhere at a failing line but the last',
    dockerfile: `${base}RUN <<EOF\nfalse\necho two > /out\nEOF\n`,
  },
  {name: 'RUN heredoc whose last line fails', dockerfile: `${base}RUN <<EOF\necho two > /out\nfalse\nEOF\n`},
  {
    name: 'RUN heredoc with a shebang',
    dockerfile: `${base}RUN <<EOF\n#!/bin/busybox awk -f\nBEGIN { print "from awk" > "/out" }\nEOF\n`,
  },
  {
    name: 'RUN heredoc with a shebang of sh and arguments',
    dockerfile: `${base}RUN <<EOF\n#!/bin/sh -eu\necho "$0" | sed 's/[0-9a-z]*$//' > /out\nEOF\n`,
  },
  {name: 'RUN heredoc as input of a command', dockerfile: `${base}RUN cat > /out <<EOF\ntext $HOME\nEOF\n`},
  {name: 'RUN heredoc that is quoted', dockerfile: `${base}RUN cat > /out <<'EOF'\ntext $HOME\nEOF\n`},
  {name: 'RUN heredoc without leading tabs', dockerfile: `${base}RUN cat > /out <<-EOF\n\ttext\n\t\tmore\n\tEOF\n`},
  {name: 'RUN with two heredocs', dockerfile: `${base}RUN cat <<A > /a && cat <<B > /b\none\nA\ntwo\nB\n`},
  {
    name: 'RUN heredoc with variables of the build',
    dockerfile: `${base}ARG V=x\nENV E=y\nRUN <<EOF\necho "$V $E" > /out\nEOF\n`,
  },
  {name: 'RUN heredoc with ENV quoted', dockerfile: `${base}ENV E=y\nRUN <<'EOF'\necho "$E" > /out\nEOF\n`},
  // Exit codes
  {name: 'RUN that exits with 3 fails', dockerfile: `${base}RUN exit 3\n`, says: /exit code: 3/},
  {name: 'RUN that is killed fails', dockerfile: `${base}RUN kill -9 $$\n`, says: /137|SIGKILL/},
  {
    name: 'RUN in a stage that nobody needs does not run',
    dockerfile: `${base.replace('base', 'base AS x')}RUN exit 1\n${base}RUN true\n`,
  },
  // Environment
  {
    name: 'RUN sees ENV',
    dockerfile: `${base}ENV A=1 B="two words" C='$A'\nRUN env | grep -E '^[ABC]=' | sort > /out\n`,
  },
  {name: 'RUN sees ARG that is declared before', dockerfile: `${base}ARG A=1\nRUN echo "$A-$B" > /out\nARG B=2\n`},
  {
    name: 'RUN sees the value of a build argument',
    dockerfile: `${base}ARG A=1\nRUN echo "$A" > /out\n`,
    buildArgs: {A: 'given'},
  },
  {name: 'RUN does not see ARG before FROM', dockerfile: `ARG A=1\n${base}RUN echo "[$A]" > /out\n`},
  {
    name: 'RUN sees ARG before FROM that is declared again',
    dockerfile: `ARG A=1\n${base}ARG A\nRUN echo "[$A]" > /out\n`,
  },
  {name: 'ENV wins over ARG', dockerfile: `${base}ARG A=1\nENV A=2\nRUN echo "$A" > /out\n`, buildArgs: {A: '3'}},
  {name: 'ARG after ENV does not win', dockerfile: `${base}ENV A=2\nARG A=1\nRUN echo "$A" > /out\n`},
  {name: 'RUN sees an undeclared ARG not at all', dockerfile: `${base}RUN echo "[$A]" > /out\n`, buildArgs: {A: '3'}},
  {name: 'RUN sees ARG without a value not at all', dockerfile: `${base}ARG A\nRUN echo "\${A-unset}" > /out\n`},
  {
    name: 'RUN sees the whole environment',
    dockerfile: `${base}ARG A=1\nENV B=2\nRUN env | grep -vE '^(PWD|SHLVL)=' | sort > /out\n`,
  },
  {
    name: 'RUN sees HOME of its user',
    dockerfile: `${base}USER alice\nRUN echo "$HOME" > /tmp/out\nUSER bob\nRUN echo "$HOME" > /tmp/out2\nUSER 4321\nRUN echo "$HOME" > /tmp/out3\n`,
  },
  {name: 'RUN sees HOME of ENV', dockerfile: `${base}ENV HOME=/x\nUSER alice\nRUN echo "$HOME" > /tmp/out\n`},
  {
    name: 'RUN without PATH in the image',
    dockerfile: `FROM scratch\nCOPY --from=conformance-base / /\nRUN echo "$PATH" > /out\n`,
  },
  {name: 'RUN with an empty variable', dockerfile: `${base}ENV A=\nRUN echo "\${A-unset}\${A:-empty}" > /out\n`},
  {
    name: 'proxy arguments are seen and not declared',
    dockerfile: `${base}RUN echo "$HTTP_PROXY $http_proxy $NO_PROXY" > /out\n`,
    buildArgs: {HTTP_PROXY: 'http://p', NO_PROXY: 'n'},
  },
  {
    name: 'platform arguments are seen when declared',
    dockerfile: `${base}ARG TARGETPLATFORM\nARG TARGETARCH\nARG TARGETOS\nARG BUILDPLATFORM\nARG TARGETVARIANT\nRUN echo "$TARGETPLATFORM $TARGETARCH $TARGETOS $BUILDPLATFORM [$TARGETVARIANT] [$TARGETSTAGE]" > /out\n`,
  },
  // USER
  {name: 'RUN as a user by name', dockerfile: `${base}USER alice\nRUN id > /tmp/out && touch /tmp/mine\n`},
  {name: 'RUN as a user by number', dockerfile: `${base}USER 1000\nRUN id > /tmp/out\n`},
  {name: 'RUN as a user by number that passwd does not know', dockerfile: `${base}USER 4321\nRUN id > /tmp/out\n`},
  {name: 'RUN as a user and a group by name', dockerfile: `${base}USER alice:staff\nRUN id > /tmp/out\n`},
  {name: 'RUN as a user and a group by number', dockerfile: `${base}USER 7:8\nRUN id > /tmp/out\n`},
  {
    name: 'RUN as a user with supplementary groups',
    dockerfile: `${base}USER bob\nRUN id -G > /tmp/out; id -g >> /tmp/out\n`,
  },
  {
    name: 'RUN as a user that is not there fails',
    dockerfile: `${base}USER nobodyknows\nRUN true\n`,
    says: /nobodyknows/,
  },
  {
    name: 'RUN as a group that is not there fails',
    dockerfile: `${base}USER alice:nogroup\nRUN true\n`,
    says: /nogroup/,
  },
  {
    name: 'RUN as a user that a step before adds',
    dockerfile: `${base}RUN echo 'new:x:55:56::/:/bin/sh' >> /etc/passwd\nUSER new\nRUN id > /tmp/out\n`,
  },
  {name: 'RUN as root again', dockerfile: `${base}USER alice\nUSER root\nRUN id > /out\n`},
  {name: 'RUN as the user of the base image', dockerfile: `${rich}RUN id > /tmp/out && pwd > here\n`},
  {name: 'a user cannot write what is not his', dockerfile: `${base}USER alice\nRUN echo x > /etc/passwd\n`},
  // WORKDIR, SHELL
  {name: 'RUN in WORKDIR', dockerfile: `${base}WORKDIR /a/b\nRUN pwd > out\n`},
  {name: 'RUN in a relative WORKDIR', dockerfile: `${base}WORKDIR /a\nWORKDIR b\nWORKDIR ../c\nRUN pwd > out\n`},
  {name: 'RUN in a WORKDIR with variables', dockerfile: `${base}ENV D=x\nARG E=y\nWORKDIR /$D/\${E}z\nRUN pwd > out\n`},
  {name: 'RUN in a WORKDIR that a step removed', dockerfile: `${base}WORKDIR /a/b\nRUN rm -r /a/b\nRUN pwd > /out\n`},
  {name: 'RUN in a WORKDIR that is a link', dockerfile: `${base}WORKDIR /srv/link\nRUN pwd > out; echo x > new\n`},
  {
    name: 'WORKDIR of a user is his',
    dockerfile: `${base}USER alice\nWORKDIR /w/x\nRUN stat -c '%u:%g %a' . > /tmp/out\n`,
  },
  {name: 'WORKDIR that is a file', dockerfile: `${base}WORKDIR /etc/passwd\nRUN true\n`},
  {name: 'SHELL', dockerfile: `${base}SHELL ["/bin/busybox", "ash", "-xc"]\nRUN echo "$0" > /out\n`},
  {name: 'SHELL of the base image', dockerfile: `${rich}RUN echo "$-" > /tmp/out\n`},
  {name: 'SHELL with an option that stops', dockerfile: `${base}SHELL ["/bin/sh", "-ec"]\nRUN false; echo x > /out\n`},
  {name: 'SHELL in shell form fails', dockerfile: `${base}SHELL /bin/sh\nRUN true\n`},
  // What a step leaves
  {name: 'RUN removes a file of the base', dockerfile: `${base}RUN rm /srv/hard1\n`},
  {name: 'RUN removes a directory of the base', dockerfile: `${base}RUN rm -r /srv/data\n`},
  {
    name: 'RUN replaces a directory',
    dockerfile: `${base}RUN rm -r /srv/data && mkdir /srv/data && echo n > /srv/data/new\n`,
  },
  {name: 'RUN replaces a directory by a file', dockerfile: `${base}RUN rm -r /srv/data && echo n > /srv/data\n`},
  {name: 'RUN replaces a file by a directory', dockerfile: `${base}RUN rm /srv/hard1 && mkdir -p /srv/hard1/x\n`},
  {name: 'RUN replaces a directory by a link', dockerfile: `${base}RUN rm -r /srv/data && ln -s /etc/app /srv/data\n`},
  {name: 'RUN renames a directory', dockerfile: `${base}RUN mv /srv/data /srv/moved\n`},
  {
    name: 'RUN removes what a step before made',
    dockerfile: `${base}RUN mkdir /n && echo 1 > /n/1 && echo 2 > /n/2\nRUN rm /n/1\nRUN rm -r /n && mkdir /n && touch /n/3\n`,
  },
  {name: 'RUN makes a hard link to a file of the base', dockerfile: `${base}RUN ln /srv/data/a /srv/data/a2\n`},
  {name: 'RUN changes one of two hard links', dockerfile: `${base}RUN echo more >> /srv/hard1\n`},
  {name: 'RUN makes hard links', dockerfile: `${base}RUN echo x > /x && ln /x /y && ln /x /srv/z\n`},
  {
    name: 'RUN makes a fifo and devices',
    dockerfile: `${base}RUN mkfifo /fifo && mknod /char c 1 3 && mknod /block b 7 0\n`,
  },
  {
    name: 'RUN makes setuid, setgid and sticky files',
    dockerfile: `${base}RUN cd /srv && touch u g && chmod 4755 u && chmod 2711 g && mkdir s && chmod 3777 s\n`,
  },
  {
    name: 'RUN changes the mode of a file of the base',
    dockerfile: `${base}RUN chmod 600 /srv/data/a && chmod 700 /srv/data/deep\n`,
  },
  {name: 'RUN changes owners', dockerfile: `${base}RUN chown -R 12:34 /srv/data && chown -h 5:6 /srv/link\n`},
  {name: 'RUN changes times', dockerfile: `${base}RUN touch -d '2001-02-03 04:05:06' /srv/data/a /srv/data\n`},
  {
    name: 'RUN makes links',
    dockerfile: `${base}RUN ln -s /no/where /a && ln -s ../x /srv/b && ln -s "" /c || ln -s . /c\n`,
  },
  {
    name: 'RUN makes names of every kind',
    dockerfile: `${base}RUN mkdir "/s p" && touch "/s p/ü" "/s p/a\\\\b" "/s p/$(printf '\\\\200')" "/s p/$(printf 'n\\\\nl')"\n`,
  },
  {
    name: 'RUN makes a long path',
    dockerfile: `${base}RUN n=$(printf '%0200d' 0); mkdir -p /$n/$n/$n && touch /$n/$n/$n/f\n`,
  },
  {
    name: 'RUN makes a sparse file',
    dockerfile: `${base}RUN truncate -s 3M /sparse && dd if=/dev/zero of=/zero bs=1k count=9 2>/dev/null\n`,
  },
  {name: 'RUN that changes nothing', dockerfile: `${base}RUN true\n`},
  {
    name: 'RUN keeps capabilities of a file through copies',
    dockerfile: `${base}ADD caps.tar /\nRUN mv /c /d && ln /d /e\n`,
    context: {
      'caps.tar': {
        tar: [
          {
            name: 'c',
            content: 'x',
            mode: 0o755,
            pax: {'SCHILY.xattr.security.capability': '\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0'},
          },
        ],
      },
    },
  },
  {
    name: 'RUN reads and changes what COPY brought',
    dockerfile: `${base}COPY f /f\nRUN echo more >> /f && cat /f > /g\n`,
    context: {f: 'text\n'},
  },
  {
    name: 'what RUN leaves in /dev/shm and /proc is not kept',
    dockerfile: `${base}RUN echo x > /dev/shm/x; echo 1 > /dev/new; ls /dev/shm\n`,
  },
  {
    name: 'what RUN leaves in /tmp and /run is kept',
    dockerfile: `${base}RUN mkdir /run && echo x > /tmp/x && echo y > /run/y\n`,
  },
  {
    name: 'RUN sees usual devices',
    dockerfile: `${base}RUN for d in null zero full random urandom tty; do stat -c '%F %t %T %a' /dev/$d; done > /out; ls -l /dev/fd /dev/stdin | wc -l >> /out\n`,
  },
  {
    name: 'RUN sees resolv.conf, hosts and no file for them is kept',
    dockerfile: `${base}RUN test -s /etc/resolv.conf && grep -q localhost /etc/hosts\n`,
  },
  {name: 'RUN writes to /etc/hosts in vain', dockerfile: `${base}RUN echo '1.2.3.4 x' >> /etc/hosts; true\n`},
  {
    name: 'RUN where /etc/hosts is a link',
    dockerfile: `${base}RUN true\nCOPY hosts /real\nRUN rm -f /etc/hosts; ln -s /real /etc/hosts; true\nRUN true\n`,
    context: {hosts: 'mine\n'},
  },
  {
    name: 'COPY of etc/hosts is kept',
    dockerfile: `${base}COPY hosts /etc/hosts\nRUN cat /etc/hosts | grep -c mine > /out; true\n`,
    context: {hosts: 'mine\n'},
  },
  {
    name: 'RUN cannot do what needs SYS_ADMIN',
    dockerfile: `${base}RUN mount -t tmpfs none /mnt && echo mounted > /out; true\n`,
  },
  {
    name: 'RUN has the default capabilities',
    dockerfile: `${base}RUN grep -E '^Cap(Prm|Eff|Bnd|Inh|Amb)' /proc/self/status > /out; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status >> /out\n`,
  },
  {
    name: 'RUN as a user has no capabilities',
    dockerfile: `${base}USER alice\nRUN grep -E '^Cap' /proc/self/status > /tmp/out\n`,
  },
  {name: 'umask of RUN', dockerfile: `${base}RUN umask > /out && touch /f && mkdir /d\n`},
  {name: 'limits and the name of the machine', dockerfile: `${base}RUN hostname > /out; ulimit -c >> /out\n`},
  {name: 'standard input of RUN is empty', dockerfile: `${base}RUN cat > /out\n`},
  {
    name: 'masked paths',
    dockerfile: `${base}RUN wc -c < /proc/kcore > /out; ls /proc/acpi /sys/firmware >> /out 2>&1; echo x > /proc/sys/kernel/hostname || echo refused >> /out\n`,
  },
  // Network and security
  {name: 'RUN --network=none', dockerfile: `${base}RUN --network=none ls /sys/class/net > /out\n`},
  {name: 'RUN --network=host', dockerfile: `${base}RUN --network=host test $(ls /sys/class/net | wc -l) -ge 1\n`},
  {name: 'RUN --network of an unknown kind fails', dockerfile: `${base}RUN --network=magic true\n`},
  {name: 'RUN with an unknown flag fails', dockerfile: `${base}RUN --magic true\n`},
  {
    name: '--add-host is seen',
    dockerfile: `${base}RUN grep 10.9.8.7 /etc/hosts > /out\n`,
    flags: ['--add-host', 'far.example:10.9.8.7'],
  },
];
