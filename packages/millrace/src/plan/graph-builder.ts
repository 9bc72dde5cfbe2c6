import type { Edge, Graph, PipelineOptions, PlanNode } from './graph.ts'
import { checkName } from './names.ts'
import { PlanError } from './plan-error.ts'

type WithoutId<N> = N extends PlanNode ? Omit<N, 'id'> : never

/** A node before it has its place in the graph. */
export type NodeDraft = WithoutId<PlanNode>

/** Collects the nodes of one pipeline while its function runs, then freezes them. */
export class GraphBuilder {
  readonly pipeline: string
  readonly #nodes: PlanNode[] = []
  readonly #names = new Map<string, string>()
  #frozen = false

  constructor(pipeline: string) {
    checkName(pipeline, 'a pipeline', {})
    this.pipeline = pipeline
  }

  get nodes(): readonly PlanNode[] {
    return this.#nodes
  }

  /** Adds a node and gives the edge its results leave on. */
  add(draft: NodeDraft): Edge {
    if (this.#frozen)
      this.fail(
        draft.name ?? draft.kind,
        'the pipeline is already built',
        'add steps inside its function only',
      )
    if (draft.name !== undefined) this.#claimName(draft.name, draft.kind)
    const node = { ...draft, id: this.#nodes.length } as PlanNode
    this.#nodes.push(node)
    return { from: node.id, port: 'out' }
  }

  /** The graph, deeply frozen; nothing can be added after it. */
  freeze(options: PipelineOptions): Graph {
    this.#frozen = true
    return deepFreeze({ name: this.pipeline, nodes: this.#nodes, options })
  }

  /** What errors call the node behind an edge. */
  stepName(edge: Edge): string {
    const node = this.#nodes[edge.from]!
    return node.name ?? (node.kind === 'source' ? node.topic.name : node.kind)
  }

  fail(step: string | undefined, problem: string, wayOut: string): never {
    throw new PlanError({ pipeline: this.pipeline, step }, problem, wayOut)
  }

  #claimName(name: string, kind: string): void {
    checkName(name, `this ${kind}`, { pipeline: this.pipeline, step: name })
    const other = this.#names.get(name)
    if (other !== undefined) {
      const example = kind === 'keyBy' ? `, for example keyBy('by-${name}', …)` : ''
      this.fail(name, `a ${other} already has this name`, `give this ${kind} another one${example}`)
    }
    this.#names.set(name, kind)
  }
}

/** Freezes plain objects and arrays all the way down; a topic and its serdes stay the user's. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
  return value
}
