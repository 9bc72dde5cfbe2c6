import type { AggregateNode, Aggregator, Edge, Graph, PlanNode, Port } from '../../plan/graph.ts'
import type { EntryNode, Layout } from './layout.ts'
import type { Binding, LooseColumns } from './types.ts'
import { emitsOf } from './walk.ts'

/** What the input alone decides about the records on an edge (SEMANTICS 4.1, 4.2). */
export interface Certainty {
  /**
   * `sequence`: each task's records and their order. `set`: the records, not their order. `last`: the last
   * value of each key, `last-of-window`: of each key and window. `net`: what all changes of a table add up to. `open`: none of these.
   */
  readonly content: 'sequence' | 'set' | 'last' | 'last-of-window' | 'net' | 'open'
  readonly loose: LooseColumns
}

const open: Certainty = { content: 'open', loose: new Map() }

/**
 * Follows certainty from the sources along every edge. Knows the graph and the partition counts, no records.
 *
 * Whether a record is late is decided wherever the record is: it carries the watermark that it is judged by
 * (SEMANTICS 3.3). Only a `map` between two windows of one task that sets earlier times of rows is beyond the
 * model: such a row is late by what has been handed out, not by a watermark.
 */
export class Certainties {
  readonly #graph: Graph
  readonly #layout: Layout
  readonly #known = new Map<string, Certainty>()

  constructor(graph: Graph, layout: Layout) {
    this.#graph = graph
    this.#layout = layout
  }

  /** Of the records that a node is given. */
  into(node: PlanNode): Certainty {
    return this.on(node.inputs[0]!)
  }

  on({ from, port }: Edge): Certainty {
    const id = `${from} ${port}`
    const known = this.#known.get(id) ?? this.#leaving(this.#graph.nodes[from]!, port)
    this.#known.set(id, known)
    return known
  }

  /** Of the rows in an aggregate's table. */
  ofTable(node: AggregateNode): Certainty {
    const input = this.into(node)
    const inOrder = input.content === 'sequence'
    const isGroups = this.#isOfGroups(node)
    const isDecided = isReadable(input) || (isGroups && input.content === 'net')
    if (!isDecided || (this.#beginsAgain(node) && !inOrder)) return open
    if (isGroups) return { content: inOrder ? 'sequence' : 'set', loose: new Map() }
    return { ...input, loose: looseColumnsOf(node, inOrder) }
  }

  /** Of a side stream. */
  ofSide(node: PlanNode): Certainty {
    if (node.kind === 'source') return { content: 'sequence', loose: new Map() }
    if (node.kind === 'process') return this.#processed(node)
    const input = node.kind === 'merge' ? open : this.#allInto(node)
    return isReadable(input) ? input : open
  }

  #leaving(node: PlanNode, port: Port): Certainty {
    if (port === 'late' || port === 'failed' || port === 'rejected' || port === 'tombstones')
      return this.ofSide(node)
    if (port === 'changes') return changesOf(this.#ofRows(node))
    switch (node.kind) {
      case 'source':
        return this.ofSide(node)
      case 'table':
      case 'tableJoin':
        return this.#ofRows(node)
      case 'lookup':
        return this.#inOneOrder(node)
      case 'flatMap':
        return this.into(node).content === 'net'
          ? this.into(node)
          : isReadable(this.into(node))
            ? this.into(node)
            : open
      case 'merge':
        return this.#merged(node)
      case 'keyBy':
        return this.#rekeyed(node)
      case 'emit':
        return this.#emitted(node)
      case 'process':
        return this.#processed(node)
      case 'asyncMap':
      case 'streamJoin':
        return { ...this.ofSide(node), content: isReadable(this.ofSide(node)) ? 'set' : 'open' }
      case 'byKey':
      case 'peek':
        return this.into(node)
      default:
        return isReadable(this.into(node)) ? this.into(node) : open
    }
  }

  /** Of the changes of a table: their order where that of its records is decided, and what is left at the end. */
  #ofRows(node: PlanNode): Certainty {
    const inputs = node.inputs.map(edge => this.on(edge))
    const isDecided = ({ content, loose }: Certainty) =>
      loose.size === 0 && (content === 'sequence' || content === 'last')
    if (!inputs.every(isDecided)) return open
    const inOrder = this.#inOneOrder(node)
    return inOrder.content === 'sequence' ? inOrder : { content: 'last', loose: new Map() }
  }

  /** Whether an aggregate is of rows that come and go. */
  #isOfGroups(node: AggregateNode): boolean {
    const keyBy = this.#graph.nodes[node.inputs[0]!.from]!
    const memberships = keyBy.kind === 'keyBy' ? this.#graph.nodes[keyBy.inputs[0]!.from]! : keyBy
    return memberships.inputs[0]?.port === 'changes'
  }

  #processed(node: PlanNode): Certainty {
    return this.#ofForeignJoin(node) ?? this.#inOneOrder(node)
  }

  /** The last step of a join by a foreign key comes to the rows that its tables make, whatever overtakes what (SEMANTICS 6.5). */
  #ofForeignJoin(node: PlanNode): Certainty | undefined {
    const join = /^(.*)-result$/.exec(node.name ?? '')?.[1]
    const step = (suffix: string) => this.#graph.nodes.find(({ name }) => name === `${join}-${suffix}`)
    const [left, references] = [step('left'), step('references')]
    if (join === undefined || left === undefined || references === undefined) return undefined
    const lookup = this.#graph.nodes.find(
      ({ kind, inputs }) => kind === 'lookup' && inputs[0]!.from === references.id,
    )!
    const table = this.#graph.nodes[lookup.inputs[1]!.from]!
    const tables = [
      this.into(left),
      table.kind === 'aggregate' ? this.#emittedAs(table) : this.#ofRows(table),
    ]
    const isDecided = tables.every(({ content }) => content === 'sequence' || content === 'last')
    return isDecided ? { content: 'last', loose: new Map() } : open
  }

  /** What a step does that depends on the order of all that its task reads, for that moves the event time too. */
  #inOneOrder(node: PlanNode): Certainty {
    const inputs = node.inputs.filter(({ port }) => port !== 'rows').map(edge => this.on(edge))
    const [input] = inputs as [Certainty]
    if (!inputs.every(({ content, loose }) => content === 'sequence' && loose.size === 0)) return open
    const tasks = this.#layout.subTopologies.flatMap(sub => (sub.nodes.includes(node) ? sub.tasks : []))
    const channels = tasks.map(({ entries }) => this.#channelsOf(entries))
    return Math.max(...channels) === 1 ? input : open
  }

  /** The least certain of what a step with several inputs is given. */
  #allInto(node: PlanNode): Certainty {
    const inputs = node.inputs.map(edge => this.on(edge))
    if (inputs.length === 1) return inputs[0]!
    return inputs.every(isReadable) ? { content: 'set', loose: new Map() } : open
  }

  /** Whether rows of a table begin again. */
  #beginsAgain(node: AggregateNode): boolean {
    return emitsOf(this.#graph, node).some(({ emission }) => emission.kind === 'count' && emission.reset)
  }

  #merged(node: PlanNode): Certainty {
    const inputs = node.inputs.map(edge => this.on(edge))
    if (!inputs.every(isReadable)) return open
    const inOrder = inputs.every(input => input.content === 'sequence') && this.#channelsInto(node) === 1
    return {
      content: inOrder ? 'sequence' : 'set',
      loose: new Map(),
    }
  }

  #rekeyed(node: PlanNode): Certainty {
    const input = this.into(node)
    // The changes of a table that is joined with itself keep their keys.
    if (input.content === 'last' && node.name!.endsWith('-copies')) return input
    if (!isReadable(input) && input.content !== 'net') return open
    return input.content === 'net' || this.#writersOf(node) === 1 ? input : { ...input, content: 'set' }
  }

  /** Of the updates of an aggregate. */
  #emittedAs(aggregate: AggregateNode): Certainty {
    const { content, loose } = this.ofTable(aggregate)
    if (loose.size > 0) return open
    return { content: content === 'set' ? 'last' : content, loose }
  }

  #emitted(node: PlanNode & { kind: 'emit' }): Certainty {
    const aggregate = this.#graph.nodes[node.inputs[0]!.from] as AggregateNode
    const table = this.ofTable(aggregate)
    if (table.content === 'open') return open
    // Which records meet depends on the order in which they come.
    if (aggregate.window?.kind === 'count' && table.content !== 'sequence') return open
    const { loose } = table
    if (aggregate.result === 'value' && loose.size > 0) return open
    const { emission } = node
    if (emission.kind === 'final')
      return { content: emission.allowedLatenessMs === undefined ? 'set' : 'last-of-window', loose }
    if (emission.kind === 'count' || emission.kind === 'when')
      return table.content === 'sequence' ? table : open
    const inOrder = node.emission.kind === 'updates' && table.content === 'sequence' && loose.size === 0
    return { content: inOrder ? 'sequence' : 'last', loose }
  }

  /** How many tasks write the repartition topic. */
  #writersOf(node: PlanNode): number {
    return this.#layout.tasksAt(node).length
  }

  /** The largest number of channels whose records meet at a node in one task. */
  #channelsInto(node: PlanNode): number {
    return Math.max(...this.#layout.tasksAt(node).map(({ entries }) => this.#channelsOf(entries)))
  }

  #channelsOf(entries: readonly EntryNode[]): number {
    return entries.reduce((sum, entry) => sum + (entry.kind === 'source' ? 1 : this.#writersOf(entry)), 0)
  }
}

/** How strictly records of this certainty are compared where they end. */
export function bindingOf({ content }: Certainty): Binding {
  if (content === 'open' || content === 'net') return 'open'
  if (content === 'last-of-window') return 'last-per-window'
  return content === 'last' ? 'last-per-key' : 'exact'
}

/** What changes add up to is decided when the rows at the end are. */
function changesOf({ content, loose }: Certainty): Certainty {
  return { content: content === 'last' ? 'net' : content, loose }
}

/** A callback may read any column, so what it makes of undecided ones is undecided. */
function isReadable({ content, loose }: Certainty): boolean {
  return (content === 'sequence' || content === 'set') && loose.size === 0
}

function looseColumnsOf(node: AggregateNode, inOrder: boolean): LooseColumns {
  const loose = new Map<string, 'any' | number>()
  for (const { name, aggregator } of node.columns) {
    if (aggregator.kind === 'quantile') loose.set(name, aggregator.relativeAccuracy)
    else if (!inOrder && dependsOnOrder(aggregator)) loose.set(name, 'any')
  }
  return loose
}

/** A custom aggregator that can be merged is taken to be free of order. */
function dependsOnOrder(aggregator: Aggregator): boolean {
  if (aggregator.kind === 'custom') return aggregator.merge === undefined
  return ['first', 'last', 'collect'].includes(aggregator.kind)
}
