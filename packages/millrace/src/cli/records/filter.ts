import { usageError } from '../cli-error.ts'
import type { ShownRecord } from './decode.ts'
import { fieldOf } from './field.ts'

export type RecordFilter = (record: ShownRecord) => boolean

const EXPRESSION = /^\s*(@?[\w$.-]+)\s*(!=|>=|<=|=|>|<|~)\s*(.*?)\s*$/s

/**
 * Reads `field=value`, also with `!=`, `<`, `<=`, `>`, `>=` and `~` (contains). `@key`, `@partition`, `@offset` and
 * `@timestamp` are the record's own. Throws `CliError`.
 */
export function parseFilter(expression: string): RecordFilter {
  const match = EXPRESSION.exec(expression)
  if (match === null)
    throw usageError(
      `--filter '${expression}' is no condition`,
      "--filter 'status=404', 'ms>=100' or 'url~/home'",
    )
  const [, field, operator, wanted] = match as unknown as [string, string, string, string]
  const read = readerOf(field)
  return record => holds(read(record), operator, wanted)
}

function readerOf(field: string): (record: ShownRecord) => unknown {
  switch (field) {
    case '@key':
      return record => record.key
    case '@partition':
      return record => record.partition
    case '@offset':
      return record => record.offset
    case '@timestamp':
      return record => record.timestamp
    default:
      if (field.startsWith('@'))
        throw usageError(`There is no ${field}`, '@key, @partition, @offset or @timestamp')
      return record => fieldOf(record.value, field)
  }
}

function holds(found: unknown, operator: string, wanted: string): boolean {
  switch (operator) {
    case '=':
      return textOf(found) === wanted
    case '!=':
      return textOf(found) !== wanted
    case '~':
      return found !== undefined && textOf(found).includes(wanted)
    default:
      return found !== undefined && found !== null && compares(order(found, wanted), operator)
  }
}

function compares(sign: number, operator: string): boolean {
  if (Number.isNaN(sign)) return false
  if (operator === '<') return sign < 0
  if (operator === '<=') return sign <= 0
  return operator === '>' ? sign > 0 : sign >= 0
}

/** Numbers by value, everything else by its text. */
function order(found: unknown, wanted: string): number {
  if (typeof found === 'number') return found - Number(wanted)
  const text = textOf(found)
  return text < wanted ? -1 : text > wanted ? 1 : 0
}

function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}
