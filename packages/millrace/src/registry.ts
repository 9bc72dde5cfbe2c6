export type { RegistryAuth } from './formats/registry/http.ts'
export { type SchemaRegistryOptions, schemaRegistry } from './formats/registry/http-registry.ts'
export type {
  Compatibility,
  CompatibilityAnswer,
  Schema,
  SchemaReference,
  SchemaRegistry,
  SchemaType,
  SubjectVersion,
  WholeSchema,
} from './formats/registry/registry.ts'
export { RegistryError, type RegistryErrorCode } from './formats/registry/registry-error.ts'
export type { SubjectPlace, SubjectStrategy } from './formats/registry/subject.ts'
