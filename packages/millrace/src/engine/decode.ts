import { sourceFields } from '../plan/fields.ts'
import type { Graph } from '../plan/graph.ts'
import { serdeAt } from '../plan/serde-at.ts'
import type { SubTopologyInput } from '../plan/sub-topology.ts'
import { compileProjection, decodeWhole } from '../serde/json/projection.ts'
import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import { usedFieldsValidator } from '../serde/used-fields.ts'

/** Reads a value from `[start, end)` of a cursor's buffer, which has 64 readable bytes behind it; throws what makes a record rejected. */
export type Decode = (buffer: Buffer, start: number, end: number) => unknown

export interface DecodeOptions {
  readonly closedLog: boolean
  /** The interpreter decodes whole records by the serde itself: it is what projection is compared with. */
  readonly project: boolean
}

const unread = Object.freeze({})

/** The serde of the values a re-keying carries: that of the source while they are unchanged, else JSON. */
export function carriedSerde(
  graph: Graph,
  keyBy: { readonly inputs: readonly { readonly from: number; readonly port: any }[] },
): Serde<any> {
  return serdeAt(graph, keyBy.inputs[0]!)?.serde ?? json()
}

/** The decoder of an input (SEMANTICS 5.5, 5.6): only the fields that are used, where that is possible. */
export function decoderOf(graph: Graph, input: SubTopologyInput, options: DecodeOptions): Decode {
  const isSource = input.kind === 'source'
  const serde: Serde<any> = isSource ? input.node.topic.value : carriedSerde(graph, input.keyBy)
  const whole: Decode = (buffer, start, end) => serde.deserialize(buffer, start, end)
  const { json: traits } = serde
  if (traits === undefined || traits.transformation !== 'none') return whole
  const validate = isSource ? input.node.topic.validate : 'off'
  const checks = traits.schema !== undefined && validate !== 'off' && !(isSource && options.closedLog)
  if (checks && validate === 'full') return whole
  if (!options.project) return checks ? whole : (buffer, start, end) => traits.parse(buffer, start, end)
  const use = sourceFields(graph, isSource ? input.node : input.keyBy, { closedLog: options.closedLog })
  if ('whole' in use) return checks ? whole : decodeWhole
  // What a re-keying carries has been read on its other side; where nobody looks at it, it need not be read again.
  if (!isSource && use.fields.length === 0) return () => unread
  const { decode } = compileProjection(use.fields)
  if (!checks) return decode
  const validator = usedFieldsValidator(traits.schema!, use.fields)
  if (!validator.possible) return whole
  return (buffer, start, end) => {
    const value = decode(buffer, start, end)
    // Whatever is no object fails the schema as a whole, with the schema's own words.
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return whole(buffer, start, end)
    validator.check(value)
    return value
  }
}
