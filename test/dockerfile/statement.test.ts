import test from 'ava';
import {parseDuration} from '../../engine/dockerfile/duration.js';
import {takeFlags} from '../../engine/dockerfile/flags.js';
import {chompTabs, expandHeredoc, runScript} from '../../engine/dockerfile/heredoc.js';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {parsePorts} from '../../engine/dockerfile/ports.js';
import {parseStatement} from '../../engine/dockerfile/statement.js';

const durations: readonly (readonly [text: string, nanoseconds: number | undefined])[] = [
  ['0', 0],
  ['+0', 0],
  ['-0', 0],
  ['-0s', 0],
  ['5s', 5e9],
  ['30m', 1800e9],
  ['1h30m', 5400e9],
  ['1.5h', 5400e9],
  ['0.1s', 1e8],
  ['.5s', 5e8],
  ['5.s', 5e9],
  ['1m0.5s', 60.5e9],
  ['100ms', 1e8],
  ['10us', 1e4],
  ['10µs', 1e4],
  ['7ns', 7],
  ['-1s', -1e9],
  ['', undefined],
  ['5', undefined],
  ['s', undefined],
  ['.s', undefined],
  ['1d', undefined],
  ['1 s', undefined],
  ['1s ', undefined],
  ['1S', undefined],
  ['++1s', undefined],
  ['9999999999h', undefined],
];
for (const [text, nanoseconds] of durations) {
  test(`the duration ${JSON.stringify(text)} is ${String(nanoseconds)} ns`, (t) => {
    t.is(parseDuration(text), nanoseconds);
  });
}

const ports: readonly (readonly [word: string, ports: readonly string[] | undefined])[] = [
  ['80', ['80/tcp']],
  ['80/UDP', ['80/udp']],
  ['5/sctp', ['5/sctp']],
  ['8000-8002/udp', ['8000/udp', '8001/udp', '8002/udp']],
  ['8080:80', ['80/tcp']],
  ['127.0.0.1:8080:80/tcp', ['80/tcp']],
  ['[::1]:80:80', ['80/tcp']],
  ['/tcp', undefined],
  ['80/http', undefined],
  ['web', undefined],
  ['65536', undefined],
  ['9-8', undefined],
  ['-1', undefined],
  ['80/tcp/udp', undefined],
];
for (const [word, expected] of ports) {
  test(`EXPOSE ${word} ${expected === undefined ? 'is refused' : `is ${expected.join(', ')}`}`, (t) => {
    if (expected === undefined) t.throws(() => parsePorts(word), {code: 'DOCKERFILE_INSTRUCTION'});
    else t.deepEqual(parsePorts(word), expected);
  });
}

test('flags end at the first word that is none, or at --', (t) => {
  t.deepEqual(takeFlags('--a=b  --c d --e'), {flags: ['--a=b', '--c'], rest: 'd --e'});
  t.deepEqual(takeFlags('-- --a b'), {flags: [], rest: ' --a b'});
  t.deepEqual(takeFlags('--a="b c" --d=e\\ f g'), {flags: ['--a=b c', '--d=e f'], rest: 'g'});
  t.deepEqual(takeFlags('-a b'), {flags: [], rest: '-a b'});
});

test('a here-document loses tabs and keeps quotes, and expands where its name is not quoted', (t) => {
  const {instructions} = parseDockerfile('FROM a\nCOPY <<-A <<-"B" /x/\n\tsay "$N" \\$N\n\tA\n\tkeep $N\n\t B\nB\n');
  const [first, second] = instructions[1]?.heredocs ?? [];
  const env = new Map([['N', 'you']]);
  t.is(first && expandHeredoc(first, env), 'say "you" $N\n');
  t.is(second && expandHeredoc(second, env), 'keep $N\n B\n');
  t.is(chompTabs('\t\ta\n\tb\n c\t\n'), 'a\nb\n c\t\n');
});

test('the here-documents of RUN are its script, its file, or text for its shell', (t) => {
  const scriptOf = (text: string) => {
    const instruction = parseDockerfile(`FROM a\n${text}`).instructions[1];
    return instruction && runScript(instruction.args[0] ?? '', instruction.heredocs);
  };
  t.deepEqual(scriptOf('RUN <<EOF\necho $A\nEOF\n'), {kind: 'text', text: 'echo $A\n'});
  t.deepEqual(scriptOf('RUN << EOF\necho $A\nEOF\n'), {kind: 'text', text: 'echo $A\n'});
  t.deepEqual(scriptOf('RUN <<-EOF\n\t#!/bin/sh\n\tx\nEOF\n'), {kind: 'text', text: '#!/bin/sh\nx\n'});
  t.deepEqual(scriptOf('RUN <<EOF\n#!/bin/sh\nx\nEOF\n'), {kind: 'file', name: 'EOF', content: '#!/bin/sh\nx\n'});
  t.deepEqual(scriptOf('RUN cat <<A <<B\n1\nA\n2\nB\n'), {
    kind: 'text',
    text: 'cat <<A <<B\n1\nA\n2\nB',
  });
  t.deepEqual(scriptOf('RUN make\n'), {kind: 'text', text: 'make'});
});

test('a statement can be parsed without its file, its errors then have the range only', (t) => {
  const instruction = parseDockerfile('FROM a\nCOPY --from=b c d\n').instructions[1];
  t.truthy(instruction);
  if (instruction === undefined) return;
  t.like(parseStatement(instruction), {kind: 'copy', from: 'b'});
  const error = t.throws(() => parseStatement({...instruction, flags: ['--form=b']}), {code: 'DOCKERFILE_FLAG'});
  t.like(error, {range: {start: 2, end: 2}});
});

test('a trigger of ONBUILD uses the escape of its file', (t) => {
  const dockerfile = parseDockerfile('# escape=`\nFROM a\nONBUILD ENV A=x` y B=c:\\d\n');
  const instruction = dockerfile.instructions[1];
  t.truthy(instruction);
  if (instruction === undefined) return;
  const statement = parseStatement(instruction, dockerfile);
  t.deepEqual(statement.kind === 'onbuild' && statement.trigger.args, ['A=x` y', 'B=c:\\d']);
});
