import type {Statement} from '../dockerfile/ast.js';
import {
  readArg,
  readCmd,
  readEntrypoint,
  readEnv,
  readExpose,
  readHealthcheck,
  readLabel,
  readMaintainer,
  readOnbuild,
  readShell,
  readStopSignal,
  readUser,
  readVolume,
  readWorkdir,
} from './read-config.js';
import {readRun} from './read-run.js';
import {readTransfer} from './read-transfer.js';
import type {Read, Reader} from './state.js';

/** One instruction of a stage: what it does, its text after expansion; moves the reader's state on. */
export function readStatement(reader: Reader, statement: Statement): Read {
  switch (statement.kind) {
    case 'run':
      return readRun(reader, statement);
    case 'copy':
    case 'add':
      return readTransfer(reader, statement);
    case 'workdir':
      return readWorkdir(reader, statement);
    case 'env':
      return readEnv(reader, statement);
    case 'arg':
      return readArg(reader, statement);
    case 'label':
      return readLabel(reader, statement);
    case 'expose':
      return readExpose(reader, statement);
    case 'volume':
      return readVolume(reader, statement);
    case 'user':
      return readUser(reader, statement);
    case 'stopsignal':
      return readStopSignal(reader, statement);
    case 'cmd':
      return readCmd(reader, statement);
    case 'entrypoint':
      return readEntrypoint(reader, statement);
    case 'healthcheck':
      return readHealthcheck(reader, statement);
    case 'shell':
      return readShell(reader, statement);
    case 'onbuild':
      return readOnbuild(reader, statement);
    case 'maintainer':
      return readMaintainer(reader, statement);
    case 'from':
      throw new Error('unreachable: FROM begins a stage');
    default:
      throw new Error(`unreachable: ${String(statement satisfies never)}`);
  }
}
