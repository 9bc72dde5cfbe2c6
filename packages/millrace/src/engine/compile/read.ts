import type { SourceNode } from '../../plan/graph.ts'
import type { SubTopologyInput } from '../../plan/sub-topology.ts'
import { KeyKind } from '../../serde/serde.ts'
import { toEventTime } from '../../serde/timestamp.ts'
import { isBroken } from '../../std/broken-rules.ts'
import type { InputDecoder, Picker } from '../decode.ts'
import { saidWatermark } from '../said-watermark.ts'
import { maxTimeOf, NextDue, Settled, TaskWatermark, watermarkOf } from '../time.ts'
import type { Code } from './code.ts'
import type { Path } from './path.ts'

const takesFuture = isBroken('3.6')
const trustsTime = isBroken('2.8')

export interface ReadPlan {
  readonly name: string
  readonly input: SubTopologyInput
  readonly decoder: InputDecoder
  readonly freeze: ((value: unknown) => unknown) | undefined
  readonly hasWindows: boolean
  readonly hasEffects: boolean
  readonly hasRetries: boolean
  /** A record may put something up for a time that is past already. */
  readonly hasTimers: boolean
  /** A record may have something done that was due before it. */
  readonly mayBeDue: boolean
  /** The task has this one source channel, so its watermark is the task's (unless it is released). */
  readonly single: boolean
  /** Step of the table and picker of a join that records come to under their own keys, which is looked ahead for. */
  readonly ahead?: { readonly table: number; readonly picker: Picker } | undefined
  /** The function that takes ordinary records in phases, in front of every other one. */
  readonly phases?: string
  /** Writes what is done with each record. */
  readonly body: (path: Path) => void
}

/** The loop over one batch: read, decode, time, the steps, then the watermark (SEMANTICS 3.2). */
export function readCode(code: Code, plan: ReadPlan): void {
  code.line(`function ${plan.name}(T, I, until) {`)
  code.line('T.input = I')
  code.line('const c = I.cursor, kb = c.buffer, X = T.time.registers, from = I.startOffset')
  code.line('const W = I.judgedAt')
  const { input } = plan
  const maxFutureMs = input.kind === 'source' ? input.node.maxFutureMs : Number.POSITIVE_INFINITY
  if (Number.isFinite(maxFutureMs)) code.line(`const limit = T.clock.now() + ${maxFutureMs}`)
  code.line('for (;;) {')
  code.line('let v, t')
  code.line('if (I.held) { I.held = false; v = I.heldValue; t = I.heldTime; I.heldValue = undefined }')
  code.line('else {')
  if (plan.phases !== undefined)
    code.line(
      `if (until === Infinity) ${plan.phases}(T, I, ${Number.isFinite(maxFutureMs) ? 'limit' : 'Infinity'})`,
    )
  if (plan.ahead !== undefined) {
    const ahead = `T.outputs.picked.lookAhead(${code.constant(plan.ahead.picker, 'picker')}, c, T.steps[${plan.ahead.table}])`
    code.line(`if (c.mark >= I.lookedAhead && c.left > 0) I.lookedAhead = ${ahead}`)
  }
  code.line('if (!c.next()) { I.closeBatch(); return 0 }')
  if (input.kind === 'repartition') markerCode(code)
  code.line('if (c.offset < from) continue')
  valueCode(code, plan)
  code.line('if (t > until) { I.held = true; I.heldValue = v; I.heldTime = t; return 1 }')
  code.line('}')
  code.line('const ks = c.keyStart, ke = c.keyEnd')
  plan.body({
    v: 'v',
    raw: true,
    kb: 'kb',
    ks: 'ks',
    ke: 'ke',
    k: 'undefined',
    t: 't',
    h: 'undefined',
    late: { own: 'X[W]', task: `X[${TaskWatermark}]` },
    mayBeRow: false,
    mayBeGone: !trustsTime,
    start: 'NaN',
    decoder: plan.decoder,
  })
  if (plan.hasRetries) code.line('if (T.parked.hasCalls) return T.parked.leave(t)')
  if (input.kind === 'repartition' && plan.hasTimers) code.line('T.time.noteTime(I.channel, t)')
  if (input.kind === 'source') raiseCode(code, plan, input.node)
  if (plan.mayBeDue) code.line(`if (X[${NextDue}] <= X[${TaskWatermark}] && !T.settleDue()) return 2`)
  if (plan.hasEffects) code.line('if (T.isFull) return 4')
  code.line('}')
  code.line('}')
}

function markerCode(code: Code): void {
  code.line('if (c.keyStart < 0) {')
  code.line('if (!T.intake.mark(I, c.offset < from)) return 2')
  code.line('continue')
  code.line('}')
}

/** Declares nothing: sets `v` and `t`, or goes on with the next record. */
function valueCode(code: Code, { input, decoder: { decode }, freeze }: ReadPlan): void {
  const decoder = code.constant(decode, 'decode')
  const frozen = (value: string) =>
    freeze === undefined ? value : `${code.constant(freeze, 'freeze')}(${value})`
  if (input.kind === 'repartition') {
    code.line('t = c.timestamp')
    code.line('if (c.valueStart < 0) v = null')
    code.line(`else try { v = ${frozen(`${decoder}(kb, c.valueStart, c.valueEnd)`)} }`)
    return code.line(`catch (e) { T.intake.unreadable(I, e) }`)
  }
  const { node } = input
  const reject = (error: string) => `T.intake.reject(${node.id}, ${error})`
  if (node.topic.keySerde.kind !== KeyKind.string) {
    code.line(
      `if (c.keyStart >= 0) try { ${code.constant(node.topic.keySerde, 'keySerde')}.deserialize(kb, c.keyStart, c.keyEnd) }`,
    )
    code.line(`catch (e) { ${reject('e')}; continue }`)
  }
  const isFuture = Number.isFinite(node.maxFutureMs) && !takesFuture
  code.line('if (c.valueStart < 0) {')
  code.line('if (T.intake.isEndOfInput(I)) { if (!T.intake.endOfInput(I)) return 2; continue }')
  code.line('t = c.timestamp')
  code.line(`if (!(t >= 0)) { ${reject('T.intake.noTimestamp()')}; continue }`)
  if (node.watermark !== undefined) code.line('I.said = -Infinity')
  if (!node.nulls) {
    if (isFuture) futureCode(code, reject)
    code.line(`T.sides.tombstone(${node.id}, kb, c.keyStart, c.keyEnd, t)`)
    code.line('if (!T.raise(I, t)) return 2')
    code.line('continue')
  } else code.line('v = null')
  code.line('} else {')
  code.line(
    `try { v = ${frozen(`${decoder}(kb, c.valueStart, c.valueEnd)`)} } catch (e) { ${reject('e')}; continue }`,
  )
  timeCode(code, node, reject)
  if (node.watermark !== undefined) {
    const said = `${code.constant(saidWatermark, 'saidWatermark')}(${code.constant(node.watermark, 'watermark')}, v, t)`
    code.line(`try { I.said = ${said} } catch (e) { ${reject('e')}; continue }`)
  }
  code.line('}')
  if (isFuture) futureCode(code, reject)
}

function futureCode(code: Code, reject: (e: string) => string): void {
  code.line(`if (t > limit) { ${reject('T.intake.tooFarInFuture(t)')}; continue }`)
}

function timeCode(code: Code, node: SourceNode, reject: (e: string) => string): void {
  const { timestamp } = node.topic
  if (timestamp === undefined) {
    code.line('t = c.timestamp')
    return code.line(`if (!(t >= 0)) { ${reject('T.intake.noTimestamp()')}; continue }`)
  }
  const value =
    typeof timestamp === 'string'
      ? `v[${JSON.stringify(timestamp)}]`
      : `${code.constant(timestamp, 'timestamp')}(v, T.intake.sourceRecord(I))`
  code.line(
    `try { t = ${code.constant(toEventTime, 'toEventTime')}(${value}) } catch (e) { ${reject('e')}; continue }`,
  )
}

/** Step 3 and 4 of SEMANTICS 3.2: what `Task.raise` does, for the most frequent case. */
function raiseCode(code: Code, plan: ReadPlan, node: SourceNode): void {
  if (!plan.single || node.watermark !== undefined) return code.line('if (!T.raise(I, t)) return 2')
  const isEventTime = node.nulls && node.topic.timestamp !== undefined ? 'c.valueStart >= 0 && ' : ''
  code.line(`if (${isEventTime}t > X[${maxTimeOf(0)}]) {`)
  code.line(`X[${maxTimeOf(0)}] = t`)
  code.line(`const w = t - ${node.outOfOrderMs}`)
  code.line(`X[${watermarkOf(0)}] = w`)
  code.line(`const before = X[${TaskWatermark}]`)
  code.line(`if (w > before) { X[${TaskWatermark}] = w`)
  code.line(`if (w < X[${NextDue}]) X[${Settled}] = w; else if (!T.closing.close(before)) return 2`)
  code.line('}')
  code.line('}')
}
