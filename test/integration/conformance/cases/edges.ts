import type {ConformanceCase, Tree} from '../case.js';

const tree: Tree = {
  a: 'a\n',
  '[x]': 'brackets\n',
  '{y}': 'braces\n',
  's p': 'space\n',
  '-dash': 'dash\n',
  'd/x': 'x\n',
  'd/y.txt': 'y\n',
  'd/sub/z': 'z\n',
  'g/h/i/j': 'j\n',
  'm/file': {content: 'f\n', mode: 0o640},
  'm/dir': {directory: true, mode: 0o1750},
};

const one = (name: string, lines: string, context: Tree = tree, more: Partial<ConformanceCase> = {}) => ({
  name,
  dockerfile: `FROM scratch\n${lines}\n`,
  context,
  ...more,
});

const onBase = (name: string, lines: string, more: Partial<ConformanceCase> = {}) => ({
  name,
  dockerfile: `FROM conformance-base\n${lines}\n`,
  context: tree,
  ...more,
});

/** With a file, so that the image has a layer, and what a variable stands for in it. */
const shows = (name: string, lines: string, text: string, more: Partial<ConformanceCase> = {}) =>
  one(name, `${lines}\nCOPY <<EOF /out\n${text}\nEOF`, tree, more);

/** What BuildKit asks of a context: only what the sources match. */
const asked: readonly ConformanceCase[] = [
  one('a wildcard in a directory of which nothing matches', 'COPY d/*.none /x/', tree, {says: /"\/d" is not in/}),
  one('a wildcard behind a wildcard that matches nothing', 'COPY d/*/none /x/'),
  one('a class of characters that matches nothing in a directory', 'COPY d/[q] /x/'),
  one('a name below a class of characters', 'COPY d/[s]ub/none /x/'),
  one('a wildcard below a file', 'COPY a/* /x/'),
  one('a wildcard at the top that matches nothing, and a name below', 'COPY q*/none /x/'),
  one('a wildcard that matches nothing, and the whole context', 'COPY d/*.none /x/\nCOPY . /y/'),
  one('a wildcard that matches nothing, and its directory', 'COPY d/*.none /x/\nCOPY d /y/'),
  one('a wildcard that matches nothing, and a file beside', 'COPY d/*.none /x/\nCOPY d/x /y/'),
  one('a wildcard that matches nothing, and another directory', 'COPY g/h/[q] /x/\nCOPY d /y/'),
  one('a wildcard that matches nothing in a stage', 'COPY . /\nFROM scratch\nCOPY --from=0 d/*.none /x/'),
  {
    name: 'a wildcard that matches nothing, and a stage that is not built',
    dockerfile: 'FROM scratch\nCOPY . /\nFROM scratch\nCOPY d/*.none /x/\n',
    context: tree,
  },
  one('a name with a backslash', 'COPY ["back\\\\slash", "/x/"]', {'back\\slash': '1\n', backslash: '2\n'}),
  one('a name with a backslash, and the whole context', 'COPY ["back\\\\slash", "/x/"]\nCOPY . /y/', {
    'back\\slash': '1\n',
  }),
  one('a name with a backslash under a wildcard', 'COPY back* /x/', {'back\\slash': '1\n'}),
  one('a name with a backslash in a stage', 'COPY . /\nFROM scratch\nCOPY --from=0 ["back\\\\slash", "/x/"]', {
    'back\\slash': '1\n',
  }),
  one('an escaped wildcard', 'COPY ["a\\\\*b*", "/x/"]', {'a*bc': '1\n', abbc: '2\n'}),
];

const gone: Tree = {gone: {link: 'nowhere'}, a: 'a\n', 'd/x': 'x\n'};

const excluded: readonly ConformanceCase[] = [
  one('exclude beside a symlink to nowhere at the top', 'COPY --exclude=q . /x/', gone, {says: /\/gone/}),
  one('exclude a symlink to nowhere at the top', 'COPY --exclude=go* . /x/', gone),
  one('exclude beside a symlink to nowhere further down', 'COPY --exclude=q . /x/', {'d/gone': {link: 'nowhere'}}),
  one('exclude beside a symlink to nowhere in a directory', 'COPY --exclude=q d /x/', {'d/gone': {link: 'nowhere'}}),
  one('exclude beside a loop at the top', 'COPY --exclude=q . /x/', {loop: {link: 'loop'}}),
  one('exclude beside a symlink to a symlink to nowhere', 'COPY --exclude=q . /x/', {
    l: {link: 'd/q'},
    'd/q': {link: 'nowhere'},
  }),
  one('exclude in a stage with a symlink to nowhere', 'COPY . /\nFROM scratch\nCOPY --from=0 --exclude=q / /x/', gone),
  one('exclude what a symlink at the top leads to', 'COPY --exclude=a . /x/', {a: 'a\n', l: {link: 'a'}, b: 'b\n'}),
  one('a variable in exclude stands for itself', 'ARG E=x\nCOPY --exclude=$E d /x/', {'d/x': 'x\n', 'd/$E': 'e\n'}),
  one('a class of characters in exclude', 'COPY --exclude=[a-x] d /x/'),
  one('a bad pattern in exclude', 'COPY --exclude=[ d /x/'),
  one('exclude a directory with a slash at its end', 'COPY --exclude=sub/ d /x/'),
  one('exclude with link and several sources', 'COPY --link --exclude=*.txt d m a /x/'),
];

const names: readonly ConformanceCase[] = [
  one('a bracket in a class of characters', 'COPY [[]x] /x/'),
  one('braces are no pattern', 'COPY {y} /x/'),
  one('a name with a dash in front', 'COPY -dash /x/'),
  one('flags behind the first source are sources', 'COPY a --chmod=600 /x/'),
  one('a file with a slash behind it', 'COPY a/ /x/'),
  one('a slash behind a wildcard', 'COPY d*/ /x/'),
  one('the JSON form that is none', 'COPY [a, /x]'),
  ...['u=g', 'go=u', 'a=rwxst', 'u+r+w', 'u-x+w', 'ugo+rw', 'a+X', '=', '-', 'g+x,', 'u+q', '77777', '0o755'].map(
    (mode) => one(`chmod ${mode}`, `COPY --chmod=${mode} m /x/`),
  ),
  one('chmod with half a mode in a variable', 'ARG M=+x\nCOPY --chmod=u$M m /x/'),
  ...['1:2:3', '01', ':users', '1a', 'alice:', '-1', '2147483648'].map((owner) =>
    onBase(`chown ${owner}`, `COPY --chown=${owner} a /p/x`),
  ),
  one('ADD of a URL with a scheme in capitals', 'ADD HTTP://localhost/f /x/'),
];

const documents: readonly ConformanceCase[] = [
  one('a here-document whose name has a directory', 'COPY <<a/b /x/\nhi\na/b', tree, {says: /"a\/b"/}),
  one('a here-document with words in its name', 'COPY <<"E F" /x/\nhi\nE F'),
  one('a here-document with quotes in its name', "ENV A=1\nCOPY <<E'O'F /x\n$A\nEOF"),
  one('a here-document with a file descriptor', 'COPY 3<<EOF /x\nhi\nEOF'),
  one('a here-document in the JSON form is none', 'COPY ["<<EOF", "/x"]\nLABEL a=1'),
  one('a here-document after a continuation', 'COPY \\\n <<EOF \\\n /x\nhi\nEOF'),
  one('a here-document and its escapes', 'ENV B=2\nCOPY <<EOF /x\n$B \\$B "$B" \'$B\' \\\\$B \\a \\"\nEOF'),
  one('a here-document with a bad variable', 'COPY <<EOF /x\n${B\nEOF'),
  {
    name: 'a here-document and another escape character',
    dockerfile: '# escape=`\nFROM scratch\nENV A=1\nCOPY <<EOF /x\n`$A \\$A\nEOF\n',
  },
  one('exclude spares no here-document', 'COPY --exclude=*.txt <<a.txt <<b.md /d/\nhi\na.txt\nx\nb.md'),
  one('ONBUILD with a here-document', 'COPY a /a\nONBUILD RUN <<-EOF\n\techo hi\n\tEOF'),
  one('ONBUILD with a here-document, in a stage', 'ONBUILD COPY <<EOF /x\nhi\nEOF\nFROM 0\nCOPY a /a'),
];

const configs: readonly ConformanceCase[] = [
  ...['/a/../b', '/a/', '/a//b', '../x', 'x/../y', '"/"'].map((path) =>
    one(`the history of WORKDIR ${path}`, `WORKDIR ${path}\nCOPY a .`),
  ),
  ...['8000-8003/udp', '8003-8000', '0', '80/', '"80"', '["80"]', '0080', '-80'].map((ports) =>
    one(`EXPOSE ${ports}`, `COPY a /a\nEXPOSE ${ports}`),
  ),
  one('LABEL of an empty quoted name', 'COPY a /a\nLABEL ""=x'),
  one('HEALTHCHECK in lower case', 'COPY a /a\nHEALTHCHECK none'),
  one('HEALTHCHECK with options and NONE', 'COPY a /a\nHEALTHCHECK --interval=5s NONE'),
  one('HEALTHCHECK with an option twice', 'COPY a /a\nHEALTHCHECK --retries=1 --retries=2 CMD x'),
  one('HEALTHCHECK with an option that has no value', 'COPY a /a\nHEALTHCHECK --interval CMD x'),
  one('HEALTHCHECK with hours and fractions', 'COPY a /a\nHEALTHCHECK --interval=1.5h30m.5s CMD x'),
  one('CMD over several lines in the JSON form', 'COPY a /a\nCMD [ \\\n "a", \\\n # c\n "b" \\\n ]'),
  one('CMD with a number in the JSON form', 'COPY a /a\nCMD ["a",1]'),
  one('CMD with a comma at the end', 'COPY a /a\nCMD ["a",]'),
  one('CMD with a bad escape in the JSON form', 'COPY a /a\nCMD ["c:\\windows"]'),
  one('VOLUME with a bad JSON form', 'COPY a /a\nVOLUME ["/a", /b]'),
  one('a continuation at the end of the file', 'COPY a /a\nLABEL a=1 \\'),
  one('white space behind a continuation', 'COPY a /a\nLABEL a=1 \\  \n b=2 \\\t\n c=3'),
  one('two backslashes at the end of a line', 'COPY a /a\nLABEL a=one\\\\\nLABEL b=2'),
  {name: 'two directives of the same name', dockerfile: '# escape=`\n# escape=\\\nFROM scratch\nLABEL a=1\n'},
  {
    name: 'a directive that is unknown, before one that is known',
    dockerfile: '# foo=bar\n# escape=`\nFROM scratch\nCOPY a /a\nLABEL a=1 `\n b=2\n',
    context: tree,
  },
  {
    name: 'white space and capitals in a directive',
    dockerfile: '#  EsCaPe  =  `\nFROM scratch\nCOPY a /a\nLABEL a=1 `\n b=2\n',
    context: tree,
  },
];

const variables: readonly ConformanceCase[] = [
  shows('an ARG declared again without a value', 'ARG A=1\nARG A', '[$A]'),
  shows('an ARG over an ENV', 'ENV A=env\nARG A=arg', '$A', {buildArgs: {A: 'cli'}}),
  shows('an ENV over an ARG', 'ARG A=arg\nENV A=env', '$A', {buildArgs: {A: 'cli'}}),
  shows('ARGs of one line see each other', 'ARG A=1 B=$A', '$B'),
  shows('an ARG with a computed name', 'ARG K=Z\nARG $K=v', '[$Z]'),
  shows('platforms that are not declared', 'ENV A=1', '[$TARGETPLATFORM][$TARGETARCH]'),
  shows('a platform with a default', 'ARG TARGETPLATFORM=foo/bar', '[$TARGETPLATFORM]'),
  shows(
    'expansions of patterns',
    'ENV X=/usr/local/bin',
    '${X##*/} ${X%/*} ${X#/} ${X/\\/usr/} ${X//\\//-} ${X//} ${X///z} ${X//*/z} ${X#*} ${X//[a-z]/_}',
  ),
  shows('expansions in expansions', 'ENV X=foobar P=foo', '${X#$P} ${X/$P/${P}x} ${U:-${X}${V:-$P}} ${U:-"q $X"}'),
  shows('an expansion with an error of its own', 'ENV X=', '${X:?nothing}'),
  shows('an expansion that is unknown', 'ENV X=1', '${X^}'),
  shows('dots and dashes end a name', 'ENV A=x', '$A.B ${A}.B $A-B $A_B'),
];

const mounts: readonly ConformanceCase[] = [
  onBase(
    'of two mounts at one place the last counts',
    'RUN --mount=source=d,target=/m --mount=source=a,target=/m cp /m /x',
  ),
  onBase(
    'the mode of a cache is its permissions',
    "RUN --mount=type=cache,target=/c,id=e1,mode=5755 stat -c '%a' /c > /x",
  ),
  onBase('a cache with a source, and no from', 'RUN --mount=type=cache,target=/c,id=e2,source=sub ls /c'),
  onBase(
    'a cache that begins as a directory keeps its owner and mode',
    "RUN --mount=type=cache,target=/c,id=e3,from=conformance-rich,source=/srv/data,mode=0700,uid=5 stat -c '%a %u' /c /c/* > /x",
  ),
  onBase(
    'a cache with an owner begins empty',
    "RUN --mount=type=cache,target=/c,id=e4,from=conformance-rich,uid=5 stat -c '%a %u' /c > /x; ls /c >> /x",
  ),
  onBase('the socket of an SSH agent that is not given', 'RUN --mount=type=ssh echo "[$SSH_AUTH_SOCK]" > /x'),
  onBase('the name of the machine', 'RUN hostname > /x', {buildArgs: {BUILDKIT_SANDBOX_HOSTNAME: 'myhost'}}),
];

export const edgeCases: readonly ConformanceCase[] = [
  ...[...asked, ...excluded, ...names],
  ...[...documents, ...configs, ...variables, ...mounts],
];
