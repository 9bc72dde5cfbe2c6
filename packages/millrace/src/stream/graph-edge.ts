import type { Edge, Port } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import type { KeyedStream } from './stream.ts'

/*
 * The classes behind the interfaces of stream.ts and table.ts know no types of values: a step is a node of the graph and the edge its
 * records leave on, and the interfaces say what may be called.
 */

export type Fn = (...args: any[]) => any
export type AnyStream = KeyedStream<any, any, any> & GraphEdge

/** An edge of a graph under construction. */
export class GraphEdge {
  readonly builder: GraphBuilder
  readonly edge: Edge
  constructor(builder: GraphBuilder, edge: Edge) {
    this.builder = builder
    this.edge = edge
  }

  place(step: string) {
    return { pipeline: this.builder.pipeline, step }
  }

  /** The edge of what a step was given beside its own; throws where that is no part of this pipeline. */
  edgeOf(step: string, other: unknown, wanted: 'stream' | 'table'): Edge {
    if (!(other instanceof GraphEdge))
      this.builder.fail(
        step,
        `it was given something that is not a ${wanted}`,
        `pass ${wanted}s of this pipeline`,
      )
    if (other.builder !== this.builder)
      this.builder.fail(
        step,
        `it was given a ${wanted} of pipeline "${other.builder.pipeline}"`,
        'connect pipelines through a topic: write it there, read it here',
      )
    return other.edge
  }
}

/** Makes the stream on a port of a node. */
export type StreamOf = (builder: GraphBuilder, edge: Edge) => AnyStream

/** The port of a node. */
export function portOf({ from }: Edge, port: Port): Edge {
  return { from, port }
}
