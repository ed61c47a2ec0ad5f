import {create, createFileRegistry, type Message} from '@bufbuild/protobuf';
import type {GenMessage, GenService, GenServiceMethods} from '@bufbuild/protobuf/codegenv2';
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  MessageOptionsSchema,
  MethodDescriptorProtoSchema,
  ServiceDescriptorProtoSchema,
  type DescriptorProto,
  type FieldDescriptorProto,
} from '@bufbuild/protobuf/wkt';

/**
 * Protobuf messages written as tables instead of generated code: only field numbers and types count on the wire, so a
 * table names the fields that are used and leaves out the rest, which protobuf skips.
 */
export interface Field<T> {
  readonly number: number;
  readonly type: FieldDescriptorProto_Type;
  readonly repeated: boolean;
  readonly message: string | undefined;
  /** map<string, string>. */
  readonly map: boolean;
  /** Never set: carries the type. */
  readonly sample?: T;
}

type Fields = Readonly<Record<string, Field<unknown>>>;

type Shape<F extends Fields> = {[K in keyof F]: F[K] extends Field<infer T> ? T : never};

export interface MessageTable<F extends Fields = Fields> {
  readonly name: string;
  readonly fields: F;
}

const scalar =
  <T>(type: FieldDescriptorProto_Type) =>
  (number: number): Field<T> => ({number, type, repeated: false, message: undefined, map: false});

export const text = scalar<string>(FieldDescriptorProto_Type.STRING);
export const bytes = scalar<Uint8Array>(FieldDescriptorProto_Type.BYTES);
export const flag = scalar<boolean>(FieldDescriptorProto_Type.BOOL);
export const int32 = scalar<number>(FieldDescriptorProto_Type.INT32);
export const uint32 = scalar<number>(FieldDescriptorProto_Type.UINT32);
export const int64 = scalar<bigint>(FieldDescriptorProto_Type.INT64);

export function list<T>(field: Field<T>): Field<Exclude<T, undefined>[]> {
  return {
    number: field.number,
    type: field.type,
    repeated: true,
    message: field.message,
    map: field.map,
  };
}

export function textMap(number: number): Field<Record<string, string>> {
  return {number, type: FieldDescriptorProto_Type.MESSAGE, repeated: true, message: undefined, map: true};
}

export function nested<F extends Fields>(
  number: number,
  table: MessageTable<F>,
): Field<(Message & Shape<F>) | undefined> {
  return {number, type: FieldDescriptorProto_Type.MESSAGE, repeated: false, message: table.name, map: false};
}

const tables = new Map<string, MessageTable>();

/** Declares a message; nested messages come before those that hold them. */
export function message<F extends Fields>(name: string, fields: F): MessageTable<F> {
  const table = {name, fields};
  tables.set(name, table);
  return table;
}

const packageName = 'buildimage.wire';
const fileName = 'wire.proto';

/** Descriptors of every declared message, by table. Made once, after the last `message()`. */
export function compileMessages() {
  const proto = create(FileDescriptorProtoSchema, {
    name: fileName,
    package: packageName,
    syntax: 'proto3',
    messageType: [...tables.values()].map(messageDescriptor),
  });
  const registry = createFileRegistry(proto, () => undefined);
  const schemaOf = <F extends Fields>(table: MessageTable<F>): GenMessage<Message & Shape<F>> => {
    const found = registry.getMessage(`${packageName}.${table.name}`);
    if (found === undefined) throw new Error(`unreachable: no message ${table.name}`);
    return found as unknown as GenMessage<Message & Shape<F>>;
  };
  const service = <M extends GenServiceMethods>(typeName: string, methods: M): GenService<M> => {
    const dot = typeName.lastIndexOf('.');
    const file = create(FileDescriptorProtoSchema, {
      name: `${typeName}.proto`,
      package: typeName.slice(0, dot),
      syntax: 'proto3',
      dependency: [fileName],
      service: [
        create(ServiceDescriptorProtoSchema, {
          name: typeName.slice(dot + 1),
          method: Object.entries(methods).map(([name, method]) =>
            create(MethodDescriptorProtoSchema, {
              name: name.slice(0, 1).toUpperCase() + name.slice(1),
              inputType: `.${method.input.typeName}`,
              outputType: `.${method.output.typeName}`,
              clientStreaming: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
              serverStreaming: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
            }),
          ),
        }),
      ],
    });
    const found = createFileRegistry(file, (name) => (name === fileName ? proto : undefined)).getService(typeName);
    if (found === undefined) throw new Error(`unreachable: no service ${typeName}`);
    return found as unknown as GenService<M>;
  };
  return {schemaOf, service};
}

function messageDescriptor(table: MessageTable): DescriptorProto {
  const entries = Object.entries(table.fields);
  return create(DescriptorProtoSchema, {
    name: table.name,
    field: entries.map(([name, field]) => fieldDescriptor(table.name, name, field)),
    nestedType: entries.filter(([, field]) => field.map).map(([name]) => mapEntry(name)),
  });
}

function fieldDescriptor(owner: string, name: string, field: Field<unknown>): FieldDescriptorProto {
  const typeName = field.map
    ? `.${packageName}.${owner}.${entryName(name)}`
    : field.message === undefined
      ? ''
      : `.${packageName}.${field.message}`;
  return create(FieldDescriptorProtoSchema, {
    name,
    jsonName: name,
    number: field.number,
    type: field.type,
    typeName,
    label: field.repeated ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
  });
}

// Protobuf demands this name of the message behind a map field.
function entryName(field: string): string {
  return `${field.slice(0, 1).toUpperCase()}${field.slice(1)}Entry`;
}

function mapEntry(name: string): DescriptorProto {
  const part = (field: string, number: number): FieldDescriptorProto =>
    create(FieldDescriptorProtoSchema, {
      name: field,
      jsonName: field,
      number,
      type: FieldDescriptorProto_Type.STRING,
      label: FieldDescriptorProto_Label.OPTIONAL,
    });
  return create(DescriptorProtoSchema, {
    name: entryName(name),
    field: [part('key', 1), part('value', 2)],
    options: create(MessageOptionsSchema, {mapEntry: true}),
  });
}
