import { createRequire } from 'node:module'
import type protobufjs from 'protobufjs'

let loaded: typeof protobufjs | undefined

/** The package `protobufjs`, which is loaded when the first Protobuf serde is made: who uses none needs none. */
export function loadProtobufjs(): typeof protobufjs {
  try {
    loaded ??= createRequire(import.meta.url)('protobufjs') as typeof protobufjs
    return loaded
  } catch (cause) {
    throw new Error('Protobuf needs the package protobufjs: npm install protobufjs', { cause })
  }
}

export type MessageType = protobufjs.Type
export type MessageField = protobufjs.Field
export type EnumType = protobufjs.Enum
export type Namespace = protobufjs.NamespaceBase
export type Root = protobufjs.Root
export type WireReader = protobufjs.Reader
export type WireWriter = protobufjs.Writer
