import type {MessageShape} from '@bufbuild/protobuf';
import {compileMessages, bytes, flag, int32, int64, list, message, nested, text, textMap, uint32} from './schema.js';

// google/protobuf/timestamp.proto
const timestamp = message('Timestamp', {seconds: int64(1), nanos: int32(2)});
const empty = message('Empty', {});

// moby/buildkit: solver/pb/ops.proto
const position = message('Position', {line: int32(1), character: int32(2)});
const range = message('Range', {start: nested(1, position), end: nested(2, position)});
const sourceInfo = message('SourceInfo', {filename: text(1), data: bytes(2)});

// moby/buildkit: api/services/control/control.proto
const cacheEntry = message('CacheEntry', {type: text(1), attrs: textMap(2)});
const cacheOptions = message('CacheOptions', {
  exports: list(nested(4, cacheEntry)),
  imports: list(nested(5, cacheEntry)),
});
const solveRequest = message('SolveRequest', {
  ref: text(1),
  exporter: text(3),
  exporterAttrs: textMap(4),
  session: text(5),
  frontend: text(6),
  frontendAttrs: textMap(7),
  cache: nested(8, cacheOptions),
  entitlements: list(text(9)),
});
const solveResponse = message('SolveResponse', {exporterResponse: textMap(1)});
const statusRequest = message('StatusRequest', {ref: text(1)});
const vertex = message('Vertex', {
  digest: text(1),
  inputs: list(text(2)),
  name: text(3),
  cached: flag(4),
  started: nested(5, timestamp),
  completed: nested(6, timestamp),
  error: text(7),
});
const vertexStatus = message('VertexStatus', {
  id: text(1),
  vertex: text(2),
  name: text(3),
  current: int64(4),
  total: int64(5),
  timestamp: nested(6, timestamp),
  started: nested(7, timestamp),
  completed: nested(8, timestamp),
});
const vertexLog = message('VertexLog', {
  vertex: text(1),
  timestamp: nested(2, timestamp),
  stream: int64(3),
  msg: bytes(4),
});
const vertexWarning = message('VertexWarning', {
  vertex: text(1),
  level: int64(2),
  short: bytes(3),
  detail: list(bytes(4)),
  url: text(5),
  info: nested(6, sourceInfo),
  ranges: list(nested(7, range)),
});
const statusResponse = message('StatusResponse', {
  vertexes: list(nested(1, vertex)),
  statuses: list(nested(2, vertexStatus)),
  logs: list(nested(3, vertexLog)),
  warnings: list(nested(4, vertexWarning)),
});

// tonistiigi/fsutil: types/stat.proto, types/wire.proto. Paths are bytes here: a file name need not be UTF-8.
const stat = message('Stat', {
  path: bytes(1),
  mode: uint32(2),
  uid: uint32(3),
  gid: uint32(4),
  size: int64(5),
  modTime: int64(6),
  linkname: bytes(7),
  devmajor: int64(8),
  devminor: int64(9),
});
const packet = message('Packet', {type: int32(1), stat: nested(2, stat), id: uint32(3), data: bytes(4)});

// moby/buildkit: session/filesync, session/secrets, session/auth, session/sshforward
const bytesMessage = message('BytesMessage', {data: bytes(1)});
const getSecretRequest = message('GetSecretRequest', {id: text(1)});
const getSecretResponse = message('GetSecretResponse', {data: bytes(1)});
const credentialsRequest = message('CredentialsRequest', {host: text(1)});
const credentialsResponse = message('CredentialsResponse', {username: text(1), secret: text(2)});
const checkAgentRequest = message('CheckAgentRequest', {id: text(1)});

// grpc/health/v1/health.proto
const healthRequest = message('HealthRequest', {service: text(1)});
const healthResponse = message('HealthResponse', {status: int32(1)});

// containerd: api/services/content/v1/content.proto
const contentInfo = message('ContentInfo', {digest: text(1), size: int64(2)});
const infoRequest = message('InfoRequest', {digest: text(1)});
const infoResponse = message('InfoResponse', {info: nested(1, contentInfo)});
const readRequest = message('ReadRequest', {digest: text(1), offset: int64(2), size: int64(3)});
const readResponse = message('ReadResponse', {offset: int64(1), data: bytes(2)});

const {schemaOf, service} = compileMessages();

export const StatusResponseSchema = schemaOf(statusResponse);
export const PacketSchema = schemaOf(packet);
export const BytesMessageSchema = schemaOf(bytesMessage);

const emptySchema = schemaOf(empty);

export type StatusResponse = MessageShape<typeof StatusResponseSchema>;
export type Packet = MessageShape<typeof PacketSchema>;
export type BytesMessage = MessageShape<typeof BytesMessageSchema>;

export const Control = service('moby.buildkit.v1.Control', {
  solve: {methodKind: 'unary', input: schemaOf(solveRequest), output: schemaOf(solveResponse)},
  status: {methodKind: 'server_streaming', input: schemaOf(statusRequest), output: StatusResponseSchema},
});
export const FileSync = service('moby.filesync.v1.FileSync', {
  diffCopy: {methodKind: 'bidi_streaming', input: PacketSchema, output: PacketSchema},
});
export const FileSend = service('moby.filesync.v1.FileSend', {
  diffCopy: {methodKind: 'bidi_streaming', input: BytesMessageSchema, output: BytesMessageSchema},
});
export const Secrets = service('moby.buildkit.secrets.v1.Secrets', {
  getSecret: {methodKind: 'unary', input: schemaOf(getSecretRequest), output: schemaOf(getSecretResponse)},
});
export const Auth = service('moby.filesync.v1.Auth', {
  credentials: {methodKind: 'unary', input: schemaOf(credentialsRequest), output: schemaOf(credentialsResponse)},
});
export const Ssh = service('moby.sshforward.v1.SSH', {
  checkAgent: {methodKind: 'unary', input: schemaOf(checkAgentRequest), output: emptySchema},
  forwardAgent: {methodKind: 'bidi_streaming', input: BytesMessageSchema, output: BytesMessageSchema},
});
export const Health = service('grpc.health.v1.Health', {
  check: {methodKind: 'unary', input: schemaOf(healthRequest), output: schemaOf(healthResponse)},
});
export const Content = service('containerd.services.content.v1.Content', {
  info: {methodKind: 'unary', input: schemaOf(infoRequest), output: schemaOf(infoResponse)},
  read: {methodKind: 'server_streaming', input: schemaOf(readRequest), output: schemaOf(readResponse)},
});
