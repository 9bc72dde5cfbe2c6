import { copyObstacle } from '../../plan/fields.ts'
import {
  type EmitNode,
  type PlanNode,
  type Port,
  replacesRows,
  type StreamJoinNode,
  type ToTopicNode,
} from '../../plan/graph.ts'
import { serdeAt } from '../../plan/serde-at.ts'
import type { SubTopologyInput } from '../../plan/sub-topology.ts'
import { hasRetry, makesCalls, recordInputs, tableOf } from '../../plan/walk.ts'
import { deepFreeze } from '../../serde/freeze.ts'
import { WINDOW_START_BYTES } from '../../state/changelog-key.ts'
import { carriedSerde, type InputDecoder } from '../decode.ts'
import type { Side } from '../joins/join-buffer.ts'
import { inputOf, outputOf, splitOutput } from '../output-name.ts'
import {
  type Arrival,
  givesOnLater,
  type PairArrival,
  type Program,
  type RowArrival,
  type RunStop,
  type SideArrival,
} from '../program.ts'
import type { StepPlan } from '../step-plan.ts'
import type { SubPlan } from '../sub-plan.ts'
import type { Task } from '../task.ts'
import type { TaskInput } from '../task-input.ts'
import { aggregateCode } from './aggregate.ts'
import { Code } from './code.ts'
import { argumentsOf, arrivalParameters, arrivalPath, type Path } from './path.ts'
import { phasedCode, phasedPlan } from './phased.ts'
import { pickedMapCode } from './picked.ts'
import { type ReadPlan, readCode } from './read.ts'
import { resultOf, rowEndText, rowValueCode } from './row-change.ts'
import { rowWriterCode } from './row-writer.ts'
import { branchCode, failure, fieldCode, filterCode, flatMapCode, peekCode } from './steps.ts'
import { holdCode, joinArrivalCode, pairCode } from './stream-join.ts'
import { globalTableCode, lookupCode, type TableCode, tableCode, tableJoinCode } from './tables.ts'

export interface ProgramOptions {
  /** By index of the sub-topology's inputs. */
  readonly decoders: readonly InputDecoder[]
  /** Freezes every value, so that a callback that changes one fails (SEMANTICS 5.4). */
  readonly freeze: boolean
}

type Run = (task: Task, input: TaskInput, until: number) => RunStop

/** Generates the functions of a sub-topology. Callbacks are passed in and called directly, never inlined as text. */
export function compileProgram(plan: SubPlan, options: ProgramOptions): Program {
  const compiler = new Compiler(plan, options)
  const { runs, rows, pairs, outs, retries, sides } = compiler.compile()
  return {
    kind: 'compiled',
    run: runs.length === 1 ? runs[0]! : (task, input, until) => runs[input.loop]!(task, input, until),
    rows: new Map(rows),
    pairs: new Map(pairs),
    outs: new Map(outs),
    retries: new Map(retries),
    sides: new Map(sides),
  }
}

interface Compiled {
  readonly runs: readonly Run[]
  readonly rows: readonly [number, RowArrival][]
  readonly pairs: readonly [number, PairArrival][]
  readonly outs: readonly [number, Arrival][]
  readonly retries: readonly [number, Arrival][]
  readonly sides: readonly [string, SideArrival][]
}

class Compiler {
  readonly #plan: SubPlan
  readonly #options: ProgramOptions
  readonly #code = new Code()
  /** Functions of nodes that are reached in more than one way, by node and kind of path. */
  readonly #shared = new Map<string, string>()
  readonly #queue: (() => void)[] = []

  constructor(plan: SubPlan, options: ProgramOptions) {
    this.#plan = plan
    this.#options = options
  }

  compile(): Compiled {
    const { inputs, globals } = this.#plan.sub
    const runs = [...inputs, ...globals].map((input, i) => this.#run(input, i))
    const rows = this.#plan.aggregates.flatMap(step => step.emissions.map(({ node }) => this.#rows(node)))
    const pairs = this.#plan.joins.map(({ node }) => `[${node.id}, ${this.#pairs(node)}]`)
    const outs = this.#nodes()
      .filter(givesOnLater)
      .map(node => `[${node.id}, ${this.#sideFunction(node, 'out', false)}]`)
    const sides = [...this.#plan.consumers.keys()].flatMap(output => this.#side(output))
    const retries = this.#nodes()
      .filter(node => hasRetry(node))
      .map(node => `[${node.id}, ${this.#retryFunction(node)}]`)
    while (this.#queue.length > 0) this.#queue.shift()!()
    this.#code.line(
      `return { runs: [${runs.join(', ')}], rows: [${rows.join(', ')}], pairs: [${pairs.join(', ')}], outs: [${outs.join(', ')}], retries: [${retries.join(', ')}], sides: [${sides.join(', ')}] }`,
    )
    return this.#code.evaluate(`millrace/${this.#plan.graph.name}/${this.#plan.sub.name}.js`) as Compiled
  }

  #nodes(): PlanNode[] {
    return this.#plan.sub.nodeIds.map(id => this.#plan.graph.nodes[id]!)
  }

  #run(input: SubTopologyInput, index: number): string {
    const name = this.#code.variable('run')
    const hasWindows = this.#plan.aggregates.some(step => step.node.window !== undefined)
    const hasEffects = this.#nodes().some(makesCalls)
    const hasTimers = this.#nodes().some(node => node.kind === 'process')
    const origin = input.kind === 'source' ? input.node : input.keyBy
    const phased = phasedPlan(this.#plan)
    readCode(this.#code, {
      name,
      input,
      decoder: this.#options.decoders[index]!,
      freeze: this.#options.freeze ? deepFreeze : undefined,
      hasWindows,
      hasEffects,
      hasTimers,
      mayBeDue: hasTimers || this.#plan.aggregates.some(tellsWithRecords),
      hasRetries: this.#nodes().some(hasRetry),
      single: this.#plan.sub.inputs.length + this.#plan.sub.globals.length === 1 && input.kind === 'source',
      ahead: this.#ahead(this.#options.decoders[index]!),
      phases: phased && phasedCode(this.#code, phased),
      body: path => this.#continue(origin, 'out', path),
    })
    return name
  }

  /** The first join that finds its row by the record's key and picks of it. */
  #ahead({ pickers }: InputDecoder): ReadPlan['ahead'] {
    for (const picker of pickers.values()) {
      const { node } = picker
      if (node.kind === 'lookup' && node.key === undefined)
        return { table: tableOf(this.#plan.graph, node.inputs[1]!).id, picker }
    }
    return undefined
  }

  #pairs(node: StreamJoinNode): string {
    const go = (from: PlanNode, port: Port, next: Path) => this.#continue(from, port, this.#frozen(next))
    return pairCode(this.#code, node, this.#options.freeze, go)
  }

  /** The function that turns a row into the record of an emission. */
  #rows(emit: EmitNode): string {
    const code = this.#code
    const step = this.#plan.aggregates.find(({ node }) => node.id === emit.inputs[0]!.from)!
    const name = code.variable('rows')
    code.line(`function ${name}(T, S, table, row, start, t) {`)
    const keyStart = `table.keyStart(row)${step.eventWindow === undefined ? '' : ` + ${WINDOW_START_BYTES}`}`
    code.line(`const kb = table.keyBytes, ks = ${keyStart}, ke = table.keyEnd(row)`)
    code.line('const before = T.rowKeyKind; T.rowKeyKind = S.kind')
    const results = step.columns.map((column, i) =>
      resultOf(code, column, `row + ${step.offsets[i]!}`, 'table'),
    )
    const start = replacesRows(emit.emission) && step.node.window !== undefined ? 'start' : 'NaN'
    const path: Path = { ...arrivalPath(false), k: 'undefined', h: 'null', start, late: undefined }
    const direct = emit.emission.kind === 'final' ? this.#directRows(emit) : undefined
    if (direct !== undefined)
      rowWriterCode(code, step, direct, results, rowEndText(code, step, 'table', 'row', 'start'))
    code.line('let v, ok = true')
    const made = rowValueCode(code, step, results, 'table', 'row', 'start', 'T.keyInWork(kb, ks, ke)')
    const value = step.eventWindow === undefined ? made : `S.isDeleting ? null : ${made}`
    code.line(`try { v = ${value} } catch (e) { ok = ${failure(step.node, 'e', { ...path, v: 'null' })} }`)
    code.line('if (ok) {')
    this.#continue(emit, 'out', path)
    code.line('}')
    code.line('T.rowKeyKind = before')
    code.line('}')
    return `[${emit.id}, ${name}]`
  }

  /** The sinks of an emission when all it does is write its rows as plain JSON: they are written without an object between. */
  #directRows(emit: EmitNode): readonly ToTopicNode[] | undefined {
    const sinks = this.#plan.consumers.get(outputOf(emit.id, 'out')) ?? []
    const isDirect = (node: PlanNode): node is ToTopicNode =>
      node.kind === 'to' &&
      node.topic.key === undefined &&
      node.topic.value.json !== undefined &&
      node.topic.value.json.schema === undefined
    return !this.#options.freeze && sinks.every(isDirect) ? (sinks as ToTopicNode[]) : undefined
  }

  /** The entry of a wired side stream. */
  #side(output: string): string[] {
    const [id, port] = splitOutput(output)
    const node = this.#plan.graph.nodes[Number(id)]!
    if (node.kind !== 'process' && !['failed', 'late', 'rejected', 'tombstones'].includes(port)) return []
    const raw = (port === 'failed' || port === 'late') && this.#isRaw(node, port)
    const made = this.#sideFunction(node, port, false)
    const read = raw ? this.#sideFunction(node, port, true) : made
    return [`[${JSON.stringify(output)}, { read: ${read}, made: ${made} }]`]
  }

  #sideFunction(node: PlanNode, port: Port, raw: boolean): string {
    const name = this.#code.variable('side')
    this.#code.line(`function ${name}(${arrivalParameters}) {`)
    this.#continue(node, port, arrivalPath(raw))
    this.#code.line('}')
    return name
  }

  #isRaw(node: PlanNode, port: Port): boolean {
    return serdeAt(this.#plan.graph, { from: node.id, port }) !== undefined
  }

  #retryFunction(node: PlanNode): string {
    return this.#sharedFunction(
      node,
      this.#isRaw(this.#plan.graph.nodes[node.inputs[0]!.from]!, node.inputs[0]!.port),
    )
  }

  /** A node as a function of its own, made once per kind of path. */
  #sharedFunction(node: PlanNode, raw: boolean): string {
    const id = `${node.id}:${raw}`
    const known = this.#shared.get(id)
    if (known !== undefined) return known
    const name = this.#code.variable(node.kind)
    this.#shared.set(id, name)
    this.#queue.push(() => {
      this.#code.line(`function ${name}(${arrivalParameters}) {`)
      const path = arrivalPath(raw)
      if (hasRetry(node)) {
        this.#code.line(
          `if (T.parked.mustDefer) return T.parked.defer(${node.id}, ${argumentsOf(path)}, start)`,
        )
      }
      this.#step(node, path)
      this.#code.line('}')
    })
    return name
  }

  #continue(from: PlanNode, port: Port, path: Path): void {
    const consumers = this.#plan.consumers.get(outputOf(from.id, port)) ?? []
    for (const [i, node] of consumers.entries()) {
      this.#code.line('{')
      if (node.kind === 'streamJoin')
        this.#joinArrival(node, inputOf(consumers, i, from.id, port) as Side, path)
      else if (recordInputs(node).length > 1 || hasRetry(node)) this.#callShared(node, path)
      else this.#step(node, path)
      this.#code.line('}')
    }
  }

  #joinArrival(node: StreamJoinNode, side: Side, path: Path): void {
    const { texts } = this.#plan.joins.find(plan => plan.node === node)!
    joinArrivalCode(this.#code, node, side, texts[side] !== undefined, path)
  }

  #callShared(node: PlanNode, path: Path): void {
    const late = path.late === undefined ? '-Infinity, -Infinity' : `${path.late.own}, ${path.late.task}`
    this.#code.line(
      `${this.#sharedFunction(node, path.raw)}(T, ${argumentsOf(path)}, ${path.start}, ${late})`,
    )
  }

  #step(node: PlanNode, path: Path): void {
    const code = this.#code
    const go = (from: PlanNode, port: Port, next: Path) =>
      this.#continue(from, port, this.#withFrozen(from, next, path))
    switch (node.kind) {
      case 'filter':
        return filterCode(code, node, path, go)
      case 'peek':
        return peekCode(code, node, path, go)
      case 'map':
        return pickedMapCode(code, node, this.#options.freeze, path, go)
      case 'flatMap':
        return flatMapCode(code, node, path, go)
      case 'branch':
        return branchCode(code, node, path, go)
      case 'merge':
      case 'byKey':
        return this.#continue(node, 'out', path)
      case 'aggregate': {
        const step = this.#plan.aggregates.find(each => each.node.id === node.id)!
        return aggregateCode(code, step, path, go, emit => this.#directRows(emit))
      }
      case 'table':
        return tableCode(code, this.#table(node), node, path, go)
      case 'globalTable':
        return globalTableCode(code, node, path)
      case 'tableJoin':
        return tableJoinCode(code, this.#table(node), node, path, go)
      case 'hold':
        return holdCode(code, node, path, go)
      case 'lookup':
        return lookupCode(code, this.#table(node), node, path, go)
      case 'asyncMap':
        return code.line(`T.steps[${node.id}].arrive(${path.raw}, ${argumentsOf(path)})`)
      case 'process':
        return code.line(`T.steps[${node.id}].process(${path.raw}, ${argumentsOf(path)}, ${path.start})`)
      default:
        return this.#sink(node, path)
    }
  }

  #table(node: PlanNode): TableCode {
    const hasChanges = this.#plan.consumers.has(outputOf(node.id, 'changes'))
    return { graph: this.#plan.graph, freeze: this.#options.freeze, hasChanges }
  }

  /** In development a new value is frozen where it is made. */
  #withFrozen(from: PlanNode, next: Path, before: Path): Path {
    const isNew = next.v !== before.v && from.kind !== 'aggregate' && from.kind !== 'emit'
    return isNew ? this.#frozen(next) : next
  }

  #frozen(path: Path): Path {
    if (this.#options.freeze) this.#code.line(`${this.#code.constant(deepFreeze, 'deepFreeze')}(${path.v})`)
    return path
  }

  #sink(node: PlanNode, path: Path): void {
    const code = this.#code
    const { kb, ks, ke, k, t, h, v } = path
    switch (node.kind) {
      case 'keyBy': {
        const key = code.variable('key')
        const serde = code.constant(carriedSerde(this.#plan.graph, node), 'serde')
        const raw = path.raw && serdeAt(this.#plan.graph, node.inputs[0]!) !== undefined
        const write = `T.outputs.reKey(${code.constant(node, 'node')}, ${key}, ${serde}, ${raw}, ${v}, ${kb}, ${ks}, ${ke}, ${k}, ${t}, ${h})`
        code.line(`let ${key}, ok = true`)
        code.line(
          `try { ${key} = ${fieldCode(code, node.key, path)} } catch (e) { ok = ${failure(node, 'e', path)} }`,
        )
        return code.line(`if (ok) ${write}`)
      }
      case 'to': {
        const target = code.constant(node, 'node')
        if (path.raw && copies(this.#plan, node)) {
          return code.line(`T.outputs.copy(${target}, ${argumentsOf(path)})`)
        }
        return code.line(`T.outputs.write(${target}, ${argumentsOf(path)}, ${path.start})`)
      }
      case 'toFile':
        return code.line(`T.lines.write(${code.constant(node, 'node')}, ${argumentsOf(path)})`)
      case 'print':
        return code.line(`T.lines.print(${code.constant(node, 'node')}, ${path.raw}, ${argumentsOf(path)})`)
      case 'forEach':
        return code.line(`T.effects.call(${code.constant(node, 'node')}, ${path.raw}, ${argumentsOf(path)})`)
      default:
        throw new Error(`A ${node.kind} step cannot stand here`)
    }
  }
}

/** Whether a sink copies the bytes of an unchanged value. */
function copies(plan: SubPlan, node: ToTopicNode): boolean {
  return copyObstacle(plan.graph, node, { closedLog: plan.closedLog }) === undefined
}

/** Rows go out with records, at times that may be past. */
function tellsWithRecords({ untoldAt, emissions }: StepPlan): boolean {
  return untoldAt >= 0 || emissions.some(({ node }) => ['count', 'when'].includes(node.emission.kind))
}
