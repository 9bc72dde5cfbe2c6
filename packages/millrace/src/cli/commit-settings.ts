import { type Guarantee, guarantees } from '../runtime/guarantee.ts'
import { type Duration, toMs } from '../std/duration.ts'
import { usageError } from './cli-error.ts'

/** Where a setting was given, in the order in which the places go before each other. */
export interface GivenSetting {
  readonly flag: string | undefined
  readonly variable: string | undefined
  readonly config: unknown
}

export function guaranteeOf(given: GivenSetting): Guarantee | undefined {
  const found = chosen(given, ['--guarantee', 'MILLRACE_GUARANTEE', 'guarantee in the configuration'])
  if (found === undefined) return undefined
  const guarantee = guarantees.find(each => each === found.value)
  if (guarantee !== undefined) return guarantee
  throw usageError(`${found.source} is ${JSON.stringify(found.value)}`, guarantees.join(' or '))
}

export function commitIntervalMsOf(given: GivenSetting): number | undefined {
  const found = chosen(given, [
    '--commit-interval',
    'MILLRACE_COMMIT_INTERVAL',
    'commitInterval in the configuration',
  ])
  if (found === undefined) return undefined
  try {
    const ms = toMs(found.value as Duration, found.source)
    if (ms > 0) return ms
  } catch (cause) {
    throw usageError((cause as Error).message, `'100ms', '1s'`)
  }
  throw usageError(`${found.source} is ${JSON.stringify(found.value)}`, 'a duration of 1ms or more')
}

function chosen(
  { flag, variable, config }: GivenSetting,
  [ofFlag, ofVariable, ofConfig]: readonly [string, string, string],
): { readonly value: unknown; readonly source: string } | undefined {
  if (flag !== undefined) return { value: flag, source: ofFlag }
  if (variable !== undefined) return { value: variable, source: ofVariable }
  return config === undefined ? undefined : { value: config, source: ofConfig }
}
