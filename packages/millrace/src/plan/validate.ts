import type { GraphBuilder } from './graph-builder.ts'

/** Checks that need the whole graph. Throws `PlanError`. */
export function checkGraph(builder: GraphBuilder): void {
  if (!builder.nodes.some(node => node.kind === 'source'))
    builder.fail(undefined, 'it reads nothing', 'begin with p.from(topic)')
}
