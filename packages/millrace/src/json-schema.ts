export {
  jsonSchema,
  type PlainJsonSchemaOptions,
  type RegistryJsonSchemaOptions,
} from './formats/json-schema/json-schema.ts'
