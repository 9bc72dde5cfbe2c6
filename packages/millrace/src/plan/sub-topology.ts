import type { Graph, KeyByNode, PlanNode, SourceNode } from './graph.ts'
import { usesStore, worksByKey } from './stateful.ts'
import { consumersOf, crossesTopic } from './walk.ts'

/** A topic that each task reads as a whole. */
export type GlobalInput = Extract<SubTopologyInput, { kind: 'source' }>

/** A topic that a sub-topology reads. */
export type SubTopologyInput =
  | { readonly kind: 'source'; readonly node: SourceNode }
  | { readonly kind: 'repartition'; readonly keyBy: KeyByNode }

/**
 * What lies between topics (SEMANTICS 1.1). A task runs it for one partition number (1.2).
 *
 * Steps behind a merge of several inputs that keep no state belong to the sub-topology of each input.
 */
export interface SubTopology {
  /** Its inputs' names joined by `+`; the same in every run of the same code. */
  readonly name: string
  /** Tables first, and then in the order written. Several only where their records meet in one store. */
  readonly inputs: readonly SubTopologyInput[]
  /** Topics of which each of its tasks reads all partitions (SEMANTICS 6.4). */
  readonly globals: readonly GlobalInput[]
  /** Everything its records pass, sources included, up to sinks and to the keyBys that write; in graph order. */
  readonly nodeIds: readonly number[]
  /** Whether it holds a store: its records have to be in the partition of their key. */
  readonly keyed: boolean
}

/** Cuts a graph at its topics, in the order of the first inputs. */
export function subTopologies(graph: Graph): SubTopology[] {
  const consumers = consumersOf(graph)
  const reached = inputsOf(graph).map(input => ({ inputs: [input], nodes: reach(graph, consumers, input) }))
  // A keyBy that nothing reads has no far side.
  const inhabited = reached.filter(({ nodes }) => nodes.size > 0)
  const globals = globalsOf(graph, consumers, inhabited)
  return unite(graph, inhabited).map(({ inputs, nodes }) => {
    const used = globals.filter(({ meets }) => meets.some(id => nodes.has(id)))
    return {
      name: inputs.map(inputName).join('+'),
      inputs,
      globals: used.map(({ input }) => input),
      nodeIds: [...nodes, ...used.flatMap(({ own }) => own)].sort((a, b) => a - b),
      keyed: [...nodes].some(id => worksByKey(graph.nodes[id]!)),
    }
  })
}

/** A global input: what its records alone pass, and the steps behind that where they meet others. */
interface GlobalReach {
  readonly input: GlobalInput
  readonly own: readonly number[]
  readonly meets: readonly number[]
}

function globalsOf(
  graph: Graph,
  consumers: ReturnType<typeof consumersOf>,
  others: readonly Reached[],
): GlobalReach[] {
  return graph.nodes.flatMap((node): GlobalReach[] => {
    if (node.kind !== 'source' || !node.isGlobal) return []
    const input = { kind: 'source' as const, node }
    const own = [...reach(graph, consumers, input)].filter(id => !others.some(({ nodes }) => nodes.has(id)))
    return [{ input, own, meets: own.flatMap(id => consumers[id]!.map(each => each.node.id)) }]
  })
}

/** The logical name of an input: the source's topic, or `<keyBy>.repartition`. */
export function inputName(input: SubTopologyInput): string {
  return input.kind === 'source' ? input.node.topic.name : `${input.keyBy.name}.repartition`
}

interface Reached {
  readonly inputs: readonly SubTopologyInput[]
  readonly nodes: ReadonlySet<number>
}

function inputsOf(graph: Graph): SubTopologyInput[] {
  return graph.nodes.flatMap((node): SubTopologyInput[] => {
    if (node.kind === 'source') return node.isGlobal ? [] : [{ kind: 'source', node }]
    return node.kind === 'keyBy' ? [{ kind: 'repartition', keyBy: node }] : []
  })
}

function reach(
  graph: Graph,
  consumers: ReturnType<typeof consumersOf>,
  input: SubTopologyInput,
): Set<number> {
  const nodes = new Set<number>()
  const visit = (node: PlanNode): void => {
    if (nodes.has(node.id)) return
    nodes.add(node.id)
    for (const next of consumers[node.id]!) if (!crossesTopic(graph, next.edge)) visit(next.node)
  }
  if (input.kind === 'source') visit(input.node)
  else for (const { edge, node } of consumers[input.keyBy.id]!) if (crossesTopic(graph, edge)) visit(node)
  return nodes
}

/** Inputs that reach one store make one sub-topology. */
function unite(graph: Graph, parts: readonly Reached[]): Reached[] {
  let united: Reached[] = []
  for (const part of parts) {
    const meets = (other: Reached) =>
      [...part.nodes].some(id => usesStore(graph.nodes[id]!) && other.nodes.has(id))
    const together = [...united.filter(meets), part]
    const merged = {
      inputs: together.flatMap(({ inputs }) => inputs),
      nodes: new Set(together.flatMap(({ nodes }) => [...nodes])),
    }
    const at = united.findIndex(meets)
    united = united.filter(other => !meets(other))
    united.splice(at < 0 ? united.length : at, 0, merged)
  }
  return united.map(part => ({ ...part, inputs: tablesFirst(part.inputs) }))
}

/** At equal times the input with the smaller index goes first, and the rows of a table do (SEMANTICS 6.1, 6.2). */
function tablesFirst(inputs: readonly SubTopologyInput[]): SubTopologyInput[] {
  return [...inputs.filter(isTableInput), ...inputs.filter(input => !isTableInput(input))]
}

/** Whether an input brings the rows of a table. */
export function isTableInput(input: SubTopologyInput): boolean {
  return input.kind === 'source' && input.node.isTable
}
