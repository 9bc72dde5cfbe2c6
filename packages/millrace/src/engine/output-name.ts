import type { PlanNode, Port } from '../plan/graph.ts'

/** The node and port that `outputOf` was given. */
export function splitOutput(output: string): [node: string, port: Port] {
  const at = output.indexOf(':')
  return [output.slice(0, at), output.slice(at + 1) as Port]
}

/** How the outputs of a graph's nodes are named within its programs. */
export function outputOf(node: number, port: Port): string {
  return `${node}:${port}`
}

/**
 * On which input the `i`-th consumer of an output is given its records: a node that reads it twice is there twice, in the order of its
 * inputs.
 */
export function inputOf(consumers: readonly PlanNode[], i: number, from: number, port: Port): number {
  const node = consumers[i]!
  const before = consumers.slice(0, i).filter(each => each === node).length
  const inputs = node.inputs.flatMap((edge, input) =>
    edge.from === from && edge.port === port ? [input] : [],
  )
  return inputs[before]!
}
