export {
  type PlainProtobufOptions,
  protobuf,
  type RegistryProtobufOptions,
} from './formats/protobuf/protobuf.ts'
