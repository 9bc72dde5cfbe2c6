import type { NeededRight } from '../plan/rights.ts'
import { aclCommand } from '../std/access-right.ts'
import { table } from './format.ts'

/** The rights a pipeline needs, as they are shown and granted. */
export interface AclPlan {
  readonly app: string
  readonly pipeline: string
  /** For example `User:shop`. */
  readonly principal: string
  readonly rights: readonly {
    readonly resource: NeededRight['resource']
    readonly name: string
    readonly pattern: 'literal' | 'prefixed'
    readonly operations: readonly string[]
    readonly why: string
  }[]
  /** One for each resource. */
  readonly commands: readonly string[]
}

export interface AclPlanOptions {
  readonly app: string
  readonly pipeline: string
  readonly principal: string
  readonly brokers: string
}

export function aclPlan(needed: readonly NeededRight[], options: AclPlanOptions): AclPlan {
  const { app, pipeline, principal, brokers } = options
  const byResource = [...Map.groupBy(needed, ({ resource, name }) => `${resource} ${name}`).values()]
  return {
    app,
    pipeline,
    principal,
    rights: byResource.map(rights => {
      const { resource, name, isPrefix } = rights[0]!
      const why = [...new Set(rights.map(right => right.why))].join(', ')
      const operations = rights.map(({ operation }) => operation)
      return { resource, name, pattern: isPrefix ? 'prefixed' : 'literal', operations, why }
    }),
    commands: byResource.map(rights => aclCommand(rights, principal, brokers)),
  }
}

const COLUMNS = ['RESOURCE', 'NAME', 'OPERATIONS', 'FOR'].map(title => ({ title }))

/** A table, then the lines to paste; what stands in `<…>` is for the reader to fill in. */
export function aclPlanText({ rights, commands }: AclPlan, paintTitle: (text: string) => string): string {
  const rows = rights.map(({ resource, name, pattern, operations, why }) => [
    resource,
    pattern === 'prefixed' ? `${name}*` : name,
    operations.join(', '),
    why,
  ])
  return `${table(COLUMNS, rows, paintTitle)}\n${commands.join('\n')}\n`
}
