export {
  type AvroSchema,
  avro,
  type PlainAvroOptions,
  type RegistryAvroOptions,
} from './formats/avro/avro.ts'
