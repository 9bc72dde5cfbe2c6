import type { SourceOptions } from 'millrace'
import { DELAY_MS_MAX } from '../feed.ts'

/** Messages are as late as they are long under way, and an input ends when the replay says so. */
export const input: SourceOptions = { outOfOrder: DELAY_MS_MAX, idle: 'never' }

/** Days go by the clock of New York, whatever the time of the destination is. */
export const timeZone = 'America/New_York'
