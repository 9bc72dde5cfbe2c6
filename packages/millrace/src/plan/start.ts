/** Where a source is first read: from its earliest record, from its end, or from a time (ms since the epoch, or a Date). */
export type Start = 'earliest' | 'latest' | Date | number

/** Times below it are seconds where milliseconds are meant (SEMANTICS 5.4). */
const timeMsMin = 1e11

/** `start` with a Date as its milliseconds. Throws what `refuse` makes of a message and a way out when it is none. */
export function checkedStart(
  start: Start,
  refuse: (message: string, wayOut: string) => Error,
): 'earliest' | 'latest' | number {
  if (start === 'earliest' || start === 'latest') return start
  const ms = start instanceof Date ? start.getTime() : start
  if (typeof ms === 'number' && ms >= timeMsMin) return ms
  throw refuse(
    `start is ${typeof start === 'string' ? `'${start}'` : String(start)}`,
    "give 'earliest', 'latest', a Date, or ms since the epoch",
  )
}
