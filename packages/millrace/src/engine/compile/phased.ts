import type { AggregateNode, PlanNode, SourceNode } from '../../plan/graph.ts'
import { compileProjection, type JsonProjection, Tag } from '../../serde/json/projection.ts'
import { KeyKind } from '../../serde/serde.ts'
import { isBroken } from '../../std/broken-rules.ts'
import { advanceOf, type FixedWindow, isFixed } from '../../window/window.ts'
import type { Column } from '../aggregates/column.ts'
import { outputOf } from '../output-name.ts'
import type { StepPlan } from '../step-plan.ts'
import type { SubPlan } from '../sub-plan.ts'
import { maxTimeOf, NextDue, Settled, TaskWatermark, watermarkOf } from '../time.ts'
import type { Code } from './code.ts'

/** Records looked ahead at once: enough for their cache misses to overlap, few enough to stay in the cache. */
const chunkMax = 1024
/** The phases repeat these rules; without one of them the record loop runs alone. */
const isRuleBroken = isBroken('3.2') || isBroken('3.6')
const trustsTime = isBroken('2.8')

/** A source whose records, as long as they are ordinary, go into one aggregate without any callback (SEMANTICS 7.3). */
export interface PhasedPlan {
  readonly source: SourceNode
  readonly step: StepPlan
  readonly projection: JsonProjection
}

/** Finds out whether the sub-topology is one that can be run in phases. */
export function phasedPlan(plan: SubPlan): PhasedPlan | undefined {
  const [input, ...others] = [...plan.sub.inputs, ...plan.sub.globals]
  if (input?.kind !== 'source' || others.length > 0 || isRuleBroken) return undefined
  const source = input.node
  const node = onlyAggregate(plan, source)
  if (node === undefined || !isReadInPart(source, plan.closedLog)) return undefined
  const step = plan.aggregates.find(each => each.node.id === node.id)!
  // A record of several windows changes rows of several tables, which are not looked ahead for.
  if (node.window?.kind === 'hopping' && step.panes === undefined) return undefined
  if (node.window !== undefined && !isFixed(node.window)) return undefined
  const isFinal = step.emissions.every(({ node: emit }) => emit.emission.kind === 'final')
  if (!isFinal || step.untoldAt >= 0 || !step.columns.every(isPlain)) return undefined
  return { source, step, projection: compileProjection(fieldsOf(source, step)) }
}

/** The aggregate behind the source, if there is nothing else and nothing but `byKey` between. */
function onlyAggregate(plan: SubPlan, source: SourceNode): AggregateNode | undefined {
  for (let node: PlanNode = source; ; ) {
    const next: readonly PlanNode[] = plan.consumers.get(outputOf(node.id, 'out')) ?? []
    if (next.length !== 1 || next[0]!.inputs.length !== 1) return undefined
    node = next[0]!
    if (node.kind === 'aggregate') return node
    if (node.kind !== 'byKey') return undefined
  }
}

function isReadInPart({ topic, watermark }: SourceNode, closedLog: boolean): boolean {
  if (watermark !== undefined) return false
  const { json } = topic.value
  if (json === undefined || json.transformation !== 'none') return false
  if (json.schema !== undefined && topic.validate !== 'off' && !closedLog) return false
  return topic.keySerde.kind === KeyKind.string && typeof topic.timestamp !== 'function'
}

function isPlain({ argument, object }: Column): boolean {
  if (object !== undefined) return false
  if (argument.kind === 'where') return argument.fn === undefined
  return argument.kind === 'none' || (argument.kind === 'number' && typeof argument.field === 'string')
}

function fieldsOf({ topic }: SourceNode, { columns }: StepPlan): string[] {
  const fields = new Set<string>()
  for (const { argument } of columns) if (argument.kind === 'number') fields.add(argument.field as string)
  if (typeof topic.timestamp === 'string') fields.add(topic.timestamp)
  return [...fields].sort()
}

/**
 * Writes a function that takes ordinary records in phases: look ahead at a chunk, hash all keys, fetch their
 * rows into the cache, update.
 *
 * It leaves the cursor in front of the first record that is not ordinary (malformed, late, without a key, one
 * that closes a window …) for the record loop. Nothing is decided by where a chunk ends: lateness and time are
 * judged record by record. Gives the function's name.
 */
export function phasedCode(code: Code, plan: PhasedPlan): string {
  const name = code.variable('phases')
  const { step } = plan
  const scratch = scratchOf(code, plan)
  code.line(`let ${name}Size = ${chunkMax}`)
  code.line(`function ${name}(T, I, limit) {`)
  code.line(`const c = I.cursor, kb = c.buffer, X = T.time.registers, S = T.steps[${step.node.id}]`)
  code.line('if (S.lastTable === undefined || S.kind !== I.keyKind || c.baseOffset < I.startOffset) return')
  code.line('for (;;) {')
  code.line('const left = c.left, mark = c.mark, offset = c.offset, hashed = S.lastTable')
  code.line('if (left === 0) return')
  code.line(`const most = Math.min(left, ${name}Size)`)
  code.line('let m = 0')
  code.line('try {')
  collectCode(code, plan, scratch)
  // Nothing of what was looked ahead counts as processed.
  code.line('} catch (e) { c.rewind(mark, left); c.offset = offset; throw e }')
  code.line(`hashed.hashAll(kb, ${scratch.starts}, ${scratch.ends}, m, ${scratch.hashes})`)
  code.line(`hashed.prefetch(${scratch.hashes}, m, ${scratch.rows})`)
  code.line('let i = 0')
  updateCode(code, plan, scratch)
  code.line(`if (i < most) { if (i < m || m < most) c.rewind(${scratch.marks}[i], left - i)`)
  // What was looked ahead in vain must stay in proportion to what was used.
  code.line(`${name}Size = Math.max(2, 2 * i); return }`)
  code.line(`if (${name}Size < ${chunkMax}) ${name}Size *= 2`)
  code.line('}')
  code.line('}')
  return name
}

type Scratch = ReturnType<typeof scratchOf>

/** Arrays that all tasks of the program use in turn. */
function scratchOf(code: Code, { step }: PhasedPlan) {
  const ints = (hint: string) => code.constant(new Int32Array(chunkMax + 1), hint)
  return {
    marks: ints('marks'),
    starts: ints('starts'),
    ends: ints('ends'),
    hashes: ints('hashes'),
    rows: ints('rows'),
    times: code.constant(new Float64Array(chunkMax), 'times'),
    /** By column; NaN where the record has no number for it, which a number from JSON never is. */
    values: step.columns.map(({ argument }) =>
      argument.kind === 'number' ? code.constant(new Float64Array(chunkMax), 'values') : undefined,
    ),
  }
}

/** Fills the scratch with `m` ordinary records; stops with the cursor behind the first one that is not. */
function collectCode(code: Code, { source, step, projection }: PhasedPlan, scratch: Scratch): void {
  const { fields } = projection
  const p = code.constant(projection, 'projection')
  const tags = code.constant(projection.tags, 'tags')
  const numbers = code.constant(projection.numbers, 'numbers')
  code.line('for (; m < most; m++) {')
  code.line(`${scratch.marks}[m] = c.mark`)
  code.line('c.next()')
  code.line(`if (c.keyStart < 0 || c.valueStart < 0 || !${p}.scan(kb, c.valueStart, c.valueEnd)) break`)
  timeCode(code, source, fields, tags, numbers)
  if (Number.isFinite(source.maxFutureMs)) code.line('if (t > limit) break')
  step.columns.forEach(({ argument }, i) => {
    if (argument.kind !== 'number') return
    const k = fields.indexOf(argument.field as string)
    const tag = `${tags}[${k}]`
    const value = `${scratch.values[i]}[m]`
    code.line(
      `if (${tag} === ${Tag.Number}) { ${value} = ${numbers}[${k}]; if (${value} - ${value} !== 0) break }`,
    )
    code.line(`else if (${tag} === ${Tag.Absent} || ${tag} === ${Tag.Null}) ${value} = NaN; else break`)
  })
  code.line(`${scratch.starts}[m] = c.keyStart; ${scratch.ends}[m] = c.keyEnd; ${scratch.times}[m] = t`)
  code.line('}')
}

function timeCode(
  code: Code,
  { topic }: SourceNode,
  fields: readonly string[],
  tags: string,
  numbers: string,
): void {
  if (topic.timestamp === undefined) {
    code.line('const t = c.timestamp')
    return code.line('if (!(t >= 0)) break')
  }
  const k = fields.indexOf(topic.timestamp as string)
  // What is no plain time in milliseconds is for `toEventTime`, in the record loop, to judge.
  code.line(`const t = ${numbers}[${k}]`)
  code.line(
    `if (${tags}[${k}] !== ${Tag.Number} || !Number.isSafeInteger(t) || t < 1e11 || t > 8.64e15) break`,
  )
}

/** Declares the record's table, unless the record is late for one of its windows, or one has gone out. */
function tableCode(code: Code, { node: { window }, reach, panes }: StepPlan): void {
  if (window === undefined) return code.line('const table = hashed')
  const { sizeMs, offsetMs, graceMs } = window as FixedWindow
  const advanceMs = advanceOf(window as FixedWindow)
  const found = `Math.floor((t - ${offsetMs}) / ${advanceMs}) * ${advanceMs} + ${offsetMs}`
  if (panes !== undefined) code.line(`const start = ${found}`)
  else code.line(`let start = S.lastSlot; if (!(t >= start && t < start + ${advanceMs})) start = ${found}`)
  // The first of the windows ends an advance behind the start of the last.
  const closeTime = `start + ${advanceMs + graceMs + reach.holdMs}`
  code.line(`if (${closeTime} <= X[${TaskWatermark}] || ${closeTime} <= X[${watermarkOf(0)}]) break`)
  if (!trustsTime) code.line(`if (start - ${sizeMs - advanceMs} < S.closedBelow) break`)
  code.line(`const slot = ${panes ? `(start - ${offsetMs}) / ${advanceMs} * ${panes.stride}` : 'start'}`)
  code.line('const table = slot === S.lastSlot ? S.lastTable : S.tableFor(slot)')
}

function updateCode(code: Code, { source, step }: PhasedPlan, scratch: Scratch): void {
  code.line('for (; i < m; i++) {')
  code.line(`const t = ${scratch.times}[i], w = t - ${source.outOfOrderMs}`)
  code.line(`const rises = t > X[${maxTimeOf(0)}]`)
  code.line(`if (rises && w > X[${TaskWatermark}] && w >= X[${NextDue}]) break`)
  tableCode(code, step)
  const key = `kb, ${scratch.starts}[i], ${scratch.ends}[i]`
  code.line(
    `const row = table === hashed ? table.upsertHashed(${key}, ${scratch.hashes}[i]) : table.upsert(${key})`,
  )
  code.line('const f64 = table.f64')
  step.columns.forEach((column, k) => {
    const values = scratch.values[k]
    const update = code.constant(column.update, 'update')
    const at = `row + ${step.offsets[k]!}`
    if (values === undefined) code.line(`${update}(f64, ${at}, undefined)`)
    else code.line(`if (${values}[i] === ${values}[i]) ${update}(f64, ${at}, ${values}[i])`)
  })
  code.line('table.touch(row)')
  code.line(`if (rises) { X[${maxTimeOf(0)}] = t; X[${watermarkOf(0)}] = w`)
  code.line(`if (w > X[${TaskWatermark}]) { X[${TaskWatermark}] = w; X[${Settled}] = w } }`)
  code.line('}')
}
