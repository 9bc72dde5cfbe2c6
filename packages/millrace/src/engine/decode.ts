import { sourceFields } from '../plan/fields.ts'
import type { Graph, KeyByNode, SourceNode } from '../plan/graph.ts'
import { type Picking, pickings } from '../plan/picking.ts'
import { serdeAt } from '../plan/serde-at.ts'
import type { SubTopologyInput } from '../plan/sub-topology.ts'
import { isComputed, isOf, type PickedMember } from '../serde/json/picked.ts'
import { compilePickedWriter, type WritePicked } from '../serde/json/picked-writer.ts'
import { compileProjection, decodeWhole, type JsonProjection } from '../serde/json/projection.ts'
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

/** How the values of an input are read. */
export interface InputDecoder {
  readonly decode: Decode
  /** Steps that write what they pick of a value without making it, by id; `decode` leaves out what only they read. */
  readonly pickers: ReadonlyMap<number, Picker>
}

/** A step that picks, and how that goes from the text of a record. */
export interface Picker extends Picking {
  readonly projection: JsonProjection
  readonly write: WritePicked
  /** The value with all that is used of it; of `seen`, which other steps have looked at, it takes what that has. */
  readonly whole: (buffer: Buffer, start: number, end: number, seen: unknown) => unknown
  /** Some members have to be computed: the callback is called with what `decode` gives, and what it gives has the others only by chance. */
  readonly isComputing: boolean
}

/** What the callback of a computing step would have given of the whole value, instead of the `result` that it gave of less. */
export function completed({ members }: Picking, value: unknown, result: object): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return result
  const of = (member: PickedMember) => {
    if (!isOf(member, 0)) return (result as Record<string, unknown>)[member.name]
    const picked = (value as Record<string, unknown>)[member.field]
    return member.otherwise === undefined ? picked : (picked ?? member.otherwise)
  }
  return Object.fromEntries(members.map(member => [member.name, of(member)]))
}

const noPickers: ReadonlyMap<number, Picker> = new Map()

/** The decoder of an input (SEMANTICS 5.5, 5.6): only the fields that are used, where that is possible. */
export function decoderOf(graph: Graph, input: SubTopologyInput, options: DecodeOptions): InputDecoder {
  const isSource = input.kind === 'source'
  const serde: Serde<any> = isSource ? input.node.topic.value : carriedSerde(graph, input.keyBy)
  const whole: Decode = (buffer, start, end) => serde.deserialize(buffer, start, end)
  const { json: traits } = serde
  if (traits === undefined || traits.transformation !== 'none') return plainly(whole)
  const validate = isSource ? input.node.topic.validate : 'off'
  const checks = traits.schema !== undefined && validate !== 'off' && !(isSource && options.closedLog)
  if (checks && validate === 'full') return plainly(whole)
  if (!options.project)
    return plainly(checks ? whole : (buffer, start, end) => traits.parse(buffer, start, end))
  const origin = isSource ? input.node : input.keyBy
  const use = sourceFields(graph, origin, { closedLog: options.closedLog })
  if ('whole' in use) return plainly(checks ? whole : decodeWhole)
  // What a re-keying carries has been read on its other side; where nobody looks at it here, it need not be read again.
  if (!isSource && use.fields.length === 0) return plainly(() => unread)
  if (!checks) return projected(graph, origin, use.fields, options)
  const validator = usedFieldsValidator(traits.schema!, use.fields)
  if (!validator.possible) return plainly(whole)
  const { decode } = compileProjection(use.fields)
  return plainly((buffer, start, end) => {
    const value = decode(buffer, start, end)
    // Whatever is no object fails the schema as a whole, with the schema's own words.
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return whole(buffer, start, end)
    validator.check(value)
    return value
  })
}

function plainly(decode: Decode): InputDecoder {
  return { decode, pickers: noPickers }
}

function projected(
  graph: Graph,
  origin: SourceNode | KeyByNode,
  fields: readonly string[],
  { closedLog }: DecodeOptions,
): InputDecoder {
  const picking = pickings(graph, origin)
  const joins = graph.nodes.filter(({ kind }) => kind === 'streamJoin').map(({ id }) => id)
  const others = sourceFields(graph, origin, { closedLog, except: new Set([...picking.keys(), ...joins]) })
  const made = new Set('fields' in others ? others.fields : fields)
  for (const { members } of picking.values())
    for (const field of members.filter(isComputed).flatMap(({ computedOf }) => computedOf)) made.add(field)
  if (origin.kind === 'keyBy' && made.size === 0 && picking.size === 0) return plainly(() => unread)
  const projection = compileProjection(fields, {
    scannedOnly: new Set(fields.filter(field => !made.has(field))),
  })
  const whole: Picker['whole'] = (buffer, start, end, seen) =>
    typeof seen !== 'object' || seen === null || Array.isArray(seen)
      ? seen
      : Object.assign(projection.decodeAll(buffer, start, end) as object, seen)
  const pickers = new Map<number, Picker>()
  for (const [id, each] of picking) {
    const write = compilePickedWriter(each.members, fields, projection)
    pickers.set(id, { ...each, projection, write, whole, isComputing: each.members.some(isComputed) })
  }
  return { decode: projection.decode, pickers }
}
