import { json, topic } from 'millrace'
import { avro } from 'millrace/avro'
import { cloudEvents, structuredHeaders } from 'millrace/cloudevents'
import { jsonSchema } from 'millrace/json-schema'
import { protobuf } from 'millrace/protobuf'
import { schemaRegistry } from 'millrace/registry'

type Order = { id: string; amount: number }

const registry = schemaRegistry({ url: 'http://localhost:8081', auth: { token: async () => 'secret' } })

export const asAvro = topic('as-avro', {
  value: avro<Order>({ registry, schema: '{}', subject: 'RecordName' }),
  keySerde: avro<string>({ registry, schema: 'string' }),
  key: 'id',
})
export const asProtobuf = topic('as-protobuf', { value: protobuf<Order>({ schema: 'message Order {}' }) })
export const asJson = topic('as-json', {
  value: jsonSchema<Order>({ registry, autoRegister: false }),
  key: v => v.id,
})
export const events = topic('events', { value: cloudEvents(json<Order>()), key: event => event.data.id })
export const headers: Readonly<Record<string, string>> = structuredHeaders

export const otherShape = topic('other-shape', {
  value: avro<Order>({ registry }),
  // @ts-expect-error orders have no field total
  key: v => v.total,
})
